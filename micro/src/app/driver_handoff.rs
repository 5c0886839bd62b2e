//! Makes an idle worker of the runtime poll the sockets while another worker is blocked.
//!
//! In tokio, one worker at a time waits for sockets and timers (it holds the *driver*). When an
//! event arrives, that worker runs the task itself, and the idle workers keep sleeping. The sockets
//! are not polled again until the task yields or another task is spawned. Calls run within the task
//! of their connection, so no task is spawned for them. A handler that blocked its thread for 2 s
//! therefore delayed all other connections by 2 s. Tokio's own remedy,
//! `enable_eager_driver_handoff`, is unstable, and it wakes another worker at every event.
//!
//! Instead, a task on another runtime checks every millisecond, while workers run, whether one of
//! them has run for that long without parking. If so, it wakes an idle worker with an empty task,
//! and that worker takes the driver. While all workers are parked, the task sleeps, too.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::runtime::{Builder, Handle};
use tokio::sync::Notify;
use tokio::time::sleep;

/// Time that a worker runs without parking before another one is woken.
const CHECK_INTERVAL: Duration = Duration::from_millis(1);

/// The 16 least significant bits of the state count the parked workers. The other bits count the
/// transitions.
const TRANSITION: u64 = 1 << 16;

/// Counts the parked workers of a runtime.
#[derive(Debug, Clone, Default)]
pub(super) struct DriverHandoff(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    /// Number of parked workers, and number of times that a worker has parked or unparked.
    state: AtomicU64,
    /// Whether the monitor waits for a worker to unpark.
    idle: AtomicBool,
    unparked: Notify,
}

impl DriverHandoff {
    /// Installs the counters in the runtime that is being built.
    pub(super) fn count_workers(&self, runtime: &mut Builder) {
        let parks = Arc::clone(&self.0);
        let unparks = Arc::clone(&self.0);
        runtime
            .on_thread_park(move || parks.park())
            .on_thread_unpark(move || unparks.unpark());
    }

    /// Wakes idle workers of the runtime `workers`. Must be polled on another runtime.
    pub(super) async fn run(self, workers: Handle) {
        let count = workers.metrics().num_workers() as u64;
        let mut seen = 0;
        // Number of running workers for which another worker has already been woken.
        let mut handled = 0;
        loop {
            if count.saturating_sub(self.0.parked()) == 0 {
                handled = 0;
                self.0.wait_for_unpark(count).await;
            }
            sleep(CHECK_INTERVAL).await;
            let state = self.0.state.load(Ordering::Relaxed);
            let running = count.saturating_sub(state % TRANSITION);
            handled = handled.min(running);
            if state == seen && running < count && running > handled {
                handled = running;
                workers.spawn(async {});
            }
            seen = state;
        }
    }
}

impl Shared {
    fn park(&self) {
        self.state.fetch_add(TRANSITION + 1, Ordering::SeqCst);
    }

    fn unpark(&self) {
        self.state.fetch_add(TRANSITION - 1, Ordering::SeqCst);
        // Both sides write and then read. So either the monitor sees this worker, or this worker
        // notifies the monitor.
        if self.idle.load(Ordering::SeqCst) && self.idle.swap(false, Ordering::SeqCst) {
            self.unparked.notify_one();
        }
    }

    fn parked(&self) -> u64 {
        self.state.load(Ordering::SeqCst) % TRANSITION
    }

    async fn wait_for_unpark(&self, count: u64) {
        self.idle.store(true, Ordering::SeqCst);
        if self.parked() >= count {
            self.unparked.notified().await;
        }
        self.idle.store(false, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpStream;
    use std::sync::mpsc;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// Creates a runtime with this many workers whose idle workers are woken.
    fn runtime(workers: usize) -> (tokio::runtime::Runtime, tokio::runtime::Runtime) {
        let handoff = DriverHandoff::default();
        let mut builder = Builder::new_multi_thread();
        handoff.count_workers(builder.worker_threads(workers).enable_all());
        let runtime = builder.build().unwrap();
        let mut monitor = Builder::new_multi_thread();
        let monitor = monitor.worker_threads(1).enable_all().build().unwrap();
        monitor.spawn(handoff.run(runtime.handle().clone()));
        (runtime, monitor)
    }

    #[test]
    fn connections_are_served_while_all_workers_but_one_are_blocked() {
        let (runtime, monitor) = runtime(3);
        let (blocked, wait_until_blocked) = mpsc::channel();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                let blocked = blocked.clone();
                tokio::spawn(async move {
                    while let Ok(byte) = socket.read_u8().await {
                        if byte == b'b' {
                            // The test drops the sender when it is done.
                            let (release, wait) = mpsc::channel::<()>();
                            blocked.send(release).unwrap();
                            assert!(wait.recv().is_err());
                        }
                        socket.write_u8(byte).await.unwrap();
                    }
                });
            }
        });
        let connect = || {
            let mut stream = TcpStream::connect(address).unwrap();
            stream
                .set_read_timeout(Some(Duration::from_secs(20)))
                .unwrap();
            call(&mut stream, b'q');
            stream
        };
        let (mut first, mut second, mut third) = (connect(), connect(), connect());
        first.write_all(b"b").unwrap();
        let first_release = wait_until_blocked.recv().unwrap();
        for _ in 0..100 {
            call(&mut third, b'q');
        }
        second.write_all(b"b").unwrap();
        let second_release = wait_until_blocked.recv().unwrap();
        for _ in 0..100 {
            call(&mut third, b'q');
        }
        drop((first_release, second_release));
        first.read_exact(&mut [0]).unwrap();
        second.read_exact(&mut [0]).unwrap();
        runtime.shutdown_background();
        monitor.shutdown_background();
    }

    fn call(stream: &mut TcpStream, byte: u8) {
        stream.write_all(&[byte]).unwrap();
        let mut answer = [0];
        stream.read_exact(&mut answer).expect("it is answered");
        assert_eq!(answer, [byte]);
    }
}
