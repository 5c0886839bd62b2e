fn main() {
    micro::run!(use = [orders])
}
