fn main() {
    micro::run!(uses = [orders])
}
