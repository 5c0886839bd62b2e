//! Opening calls with streams: one attempt at one node.
//!
//! A call with one request may be attempted again until its reply begins. A stream of requests
//! passes once: such a call may be attempted again only while nothing was taken of it.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::{Arc, PoisonError};
use std::task::Poll;

use bytes::Bytes;
use h2::SendStream;

use crate::attempt::live::{Live, Pumping};
use crate::attempt::words::Place;
use crate::attempt::{Attempts, Node, Requests, Stop};
use crate::clock::Clock;
use crate::connection::{Connection, Incoming, Pump, Slot};
use crate::deadline::{Timer, limit, race};
use crate::failure::{Failure, Reach};
use micro_core::handler::{Kind, PayloadStream, Reply};
use micro_message::error::{Error, ErrorKind};
use micro_wake::{Again, common};

/// What an attempt has brought.
pub(super) enum Got {
    Reply(Reply),
    /// A stream that is open.
    Stream(Box<Live>),
}

impl Attempts<'_> {
    /// One attempt at a call with streams.
    pub(super) async fn open(
        &self,
        node: &Node,
        others: bool,
        timer: &mut Timer<'_>,
    ) -> Result<Got, Stop> {
        let connection = self.connected(node, others, timer).await?;
        let entered = limit(timer, enter(node, connection)).await;
        let (connection, slot) = entered.map_err(|_| Stop::Late("no free stream"))??;
        let opened = match self.info.kind {
            Kind::ServerStream | Kind::Unary => {
                self.server_stream(node, (&connection, slot), timer).await
            }
            Kind::ClientStream => self.client_stream(node, (&connection, slot)).await,
            Kind::Bidirectional => self.bidirectional(node, (&connection, slot)),
        };
        opened.inspect_err(|stop| {
            // A peer that leaves takes no more calls.
            if let Stop::Failed(failure) = stop
                && matches!(failure.reach, Reach::Unprocessed | Reach::Unsent)
            {
                node.value().forget(&connection);
            }
        })
    }

    /// Sends the request and waits until the reply begins.
    async fn server_stream(
        &self,
        node: &Node,
        (connection, slot): (&Arc<Connection>, Slot),
        timer: &mut Timer<'_>,
    ) -> Result<Got, Stop> {
        let request = self.request(connection)?;
        let response = connection.send(request, self.one()?.clone())?;
        let mut incoming = Incoming::new(response, self.limits(), slot);
        // Of the limit the timer knows: what it says tells of attempts, too.
        let mut silence = Clock::new(None, self.life.pulse());
        let head = poll_fn(|task| incoming.poll_head(task));
        let head = limit(timer, race(head, |task| silence.poll(task))).await;
        let late = match head {
            Ok(Ok(head)) => {
                head?;
                let live = Live::new(incoming, self.place(node), &self.life);
                return Ok(Got::Stream(Box::new(live)));
            }
            Ok(Err(text)) => Stop::Own(self.place(node).error(ErrorKind::DeadlineExceeded, &text)),
            Err(_) => Stop::Late("no reply"),
        };
        incoming.suspect();
        Err(late)
    }

    /// Sends the requests until the reply comes.
    async fn client_stream(
        &self,
        node: &Node,
        (connection, _slot): (&Arc<Connection>, Slot),
    ) -> Result<Got, Stop> {
        let (response, out) = connection.begin(self.request(connection)?)?;
        let (mut pump, mut pumping) = (self.pump(connection, out)?, true);
        let mut again = Again::new();
        let mut clock = self.life.clock();
        let mut receive = pin!(connection.receive(response, self.limits()));
        let outcome = poll_fn(|task| {
            let pump = &mut pump;
            if pumping
                && let Poll::Ready(pumped) =
                    again.poll(task, |task| Pin::new(&mut *pump).poll(task))
            {
                pumping = false;
                if let Err(error) = pumped {
                    pump.cancel();
                    return Poll::Ready(Err(Stop::Own(error)));
                }
            }
            if let Poll::Ready(outcome) = receive.as_mut().poll(task) {
                return Poll::Ready(outcome.map_err(Stop::Failed));
            }
            clock.poll(task).map(|text| {
                let error = self.place(node).error(ErrorKind::DeadlineExceeded, &text);
                Err(Stop::Own(error))
            })
        });
        let outcome = outcome.await;
        match &outcome {
            Err(Stop::Failed(_)) => self.give_back(pump.untouched()),
            Err(_) => connection.suspect(),
            Ok(_) => {}
        }
        outcome.map(Got::Reply)
    }

    /// Sends the head; the requests are sent by a task, whether the replies are read or not.
    fn bidirectional(
        &self,
        node: &Node,
        (connection, slot): (&Arc<Connection>, Slot),
    ) -> Result<Got, Stop> {
        let (response, out) = connection.begin(self.request(connection)?)?;
        let incoming = Incoming::new(response, self.limits(), slot);
        let mut live = Live::new(incoming, self.place(node), &self.life);
        let pump = self.pump(connection, out)?;
        let is_queue = pump.is_queue();
        let (owner, pump) = common(pump);
        let (pumping, failed) = Pumping::new(owner, &self.life, self.place(node));
        let Some(task) = self.outgoing.core.tasks.own(pumping.run()) else {
            return Err(Stop::Own(Error::cancelled("the client is closed")));
        };
        live.pumped_by(task, failed);
        if is_queue {
            live.helps(pump);
        }
        Ok(Got::Stream(Box::new(live)))
    }

    fn pump(&self, connection: &Arc<Connection>, out: SendStream<Bytes>) -> Result<Pump, Stop> {
        let Requests::Many(requests) = &self.requests else {
            let text = "the call has one request, the method takes a stream";
            return Err(Stop::Own(Error::invalid_argument(text)));
        };
        let mut requests = requests.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(requests) = requests.take() else {
            let text = "the stream of requests was sent already";
            return Err(Stop::Own(Error::internal(text)));
        };
        let pulse = self.life.pulse();
        Ok(Pump::new(connection, requests, out, self.framing, pulse))
    }

    fn give_back(&self, untouched: Option<PayloadStream>) {
        if let Requests::Many(requests) = &self.requests {
            *requests.lock().unwrap_or_else(PoisonError::into_inner) = untouched;
        }
    }

    fn place(&self, node: &Node) -> Place {
        Place::new(self.info, node)
    }
}

/// A free stream, on this connection or on another to the same node.
async fn enter(
    node: &Node,
    mut connection: Arc<Connection>,
) -> Result<(Arc<Connection>, Slot), Failure> {
    loop {
        if let Some(slot) = connection.try_enter_long() {
            return Ok((connection, slot));
        }
        let wider = node.value().wider(Arc::clone(&connection)).await;
        if Arc::ptr_eq(&wider, &connection) {
            let slot = connection.enter_long().await?;
            return Ok((connection, slot));
        }
        connection = wider;
    }
}
