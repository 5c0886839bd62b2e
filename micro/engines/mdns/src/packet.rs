//! DNS messages: the queries and announcements that this crate and Go Micro exchange.
//!
//! A node is `<id>.<service>.micro.` with PTR, SRV, TXT and address records. Each message holds one
//! node, because Go Micro reads only one from a message. All other messages are ignored.

use std::collections::HashMap;
use std::hash::BuildHasher;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, SystemTime};

use simple_dns::rdata::{A, AAAA, PTR, RData, SRV, TXT};
use simple_dns::{CLASS, CharacterString, Label, Name, Packet, PacketFlag, QTYPE, Question};
use simple_dns::{ResourceRecord, TYPE};

use crate::sign::{Invalid, Secret, Signed};
use crate::txt;
use micro_message::error::{Error, OrError, Result};
use micro_registry::Node;

/// The domain of all names.
const DOMAIN: &str = "micro";
/// The service under which service names are listed.
pub(super) const LISTING: &str = "_services";
/// Size that fits into one Ethernet frame, in bytes. Larger messages omit the methods.
const MTU: usize = 1400;
/// Maximum size of a multicast DNS message, in bytes.
const MAX_MESSAGE: usize = 8900;
/// Maximum number of records in a message. No message of this crate or Go Micro has as many.
const MAX_RECORDS: u16 = 256;
/// Maximum number of nodes read from a message. No valid message has as many.
const MAX_ANNOUNCED: usize = 16;
/// The port in a listing, the same as in Go Micro. No program listens on it.
const LISTING_PORT: u16 = 9999;
/// Maximum ttl that is accepted, in seconds.
const MAX_TTL: u32 = 3600;

/// A message that this crate understands.
#[derive(Debug, PartialEq)]
pub(super) enum Message {
    /// A query, with the names in lower case and without the domain.
    Question { id: u16, names: Vec<String> },
    /// A response or announcement.
    Answer(Vec<Announcement>),
}

/// One entry of a response.
#[derive(Debug, PartialEq)]
pub(super) enum Announcement {
    /// A node. Its text is decoded only if the node is needed.
    Node(Instance),
    /// A listed service. The instance name starts with the name of the service.
    Service(Instance),
}

/// A node as encoded in a message.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Instance {
    /// `<id>.<service>`. Both may contain dots; the service name in the TXT record decides where to
    /// split.
    name: String,
    /// Time to live. Zero is a goodbye.
    pub(super) ttl: Duration,
    /// The ttl as received, in seconds.
    seconds: u32,
    port: Option<u16>,
    pieces: Vec<Vec<u8>>,
    addresses: Vec<IpAddr>,
}

impl Instance {
    /// All pairs of id and service that the name can stand for.
    pub(super) fn meanings(&self) -> impl Iterator<Item = (&str, &str)> {
        let dots = self.name.match_indices('.').map(|(at, _)| at);
        dots.map(|at| (&self.name[..at], &self.name[at + 1..]))
    }

    /// The listed service, if this is a listing.
    pub(super) fn listed(&self) -> Option<&str> {
        self.name.strip_suffix(LISTING)?.strip_suffix('.')
    }

    /// Verifies the signature and returns its time.
    pub(super) fn verify(&self, secret: &Secret) -> Result<u64, Invalid> {
        let signed = Signed {
            name: &self.name,
            ttl: self.seconds,
            port: self.port.unwrap_or_default(),
            addresses: &self.addresses,
        };
        secret.verify(&signed, &self.pieces, SystemTime::now())
    }

    /// Removes the tag after verification.
    pub(super) fn strip_tag(&mut self) {
        self.pieces.pop();
    }

    /// A hash that distinguishes the text and addresses from others without decoding them. Its keys
    /// are random, so that an attacker cannot construct collisions.
    pub(super) fn fingerprint(&self, keys: &impl BuildHasher) -> u64 {
        keys.hash_one((&self.pieces, self.port, &self.addresses))
    }

    /// Decodes the node, with the address that `choose` selects. Returns `None` if the message is
    /// incomplete.
    pub(super) fn node(&self, choose: impl FnOnce(&[IpAddr]) -> Vec<IpAddr>) -> Option<Node> {
        self.node_within(choose, txt::MAX_TEXT, &mut 0)
    }

    /// Like [`node`](Self::node), but decodes at most `limit` bytes of text. Sets `read` to the
    /// number of bytes decoded.
    pub(super) fn node_within(
        &self,
        choose: impl FnOnce(&[IpAddr]) -> Vec<IpAddr>,
        limit: usize,
        read: &mut usize,
    ) -> Option<Node> {
        let txt = txt::decode_within(self.pieces.iter().map(Vec::as_slice), limit, read)?;
        let port = self.port.filter(|port| *port != 0)?;
        let is_it = |(_, service): &(&str, &str)| service.eq_ignore_ascii_case(&txt.service);
        let (id, _) = self.meanings().find(is_it)?;
        let mut addresses = choose(&self.addresses).into_iter();
        let address = SocketAddr::new(addresses.next()?, port);
        let mut node = Node::new(txt.service, id, address.to_string());
        let others = addresses.map(|ip| SocketAddr::new(ip, port).to_string());
        node.other_addresses = others.collect();
        (node.version, node.metadata, node.methods) = (txt.version, txt.metadata, txt.methods);
        Some(node)
    }
}

/// Parses a message. Returns `None` for invalid messages and for those of other protocols.
pub(super) fn parse(bytes: &[u8]) -> Option<Message> {
    // The parser allocates according to the counts in the header, so check them first.
    let counts = bytes
        .get(4..12)?
        .chunks(2)
        .map(|two| u16::from_be_bytes([two[0], two[1]]));
    if counts.fold(0_u16, u16::saturating_add) > MAX_RECORDS {
        return None;
    }
    let packet = Packet::parse(bytes).ok()?;
    if !packet.has_flags(PacketFlag::RESPONSE) {
        let names = packet
            .questions
            .iter()
            .filter_map(|question| within(&question.qname));
        let names: Vec<String> = names.map(|name| name.to_ascii_lowercase()).collect();
        return (!names.is_empty()).then(|| Message::Question {
            id: packet.id(),
            names,
        });
    }
    let told = told(&packet);
    (!told.is_empty()).then_some(Message::Answer(told))
}

fn told(packet: &Packet<'_>) -> Vec<Announcement> {
    let records = || packet.answers.iter().chain(&packet.additional_records);
    let mut names: Vec<String> = Vec::new();
    let mut told = Vec::new();
    for record in records() {
        // Go Micro announces a node without a PTR record unless its service was queried.
        let name = match &record.rdata {
            RData::PTR(target) => within(&target.0),
            RData::SRV(_) => within(&record.name),
            _ => None,
        };
        let Some(name) = name.filter(|name| !names.contains(name)) else {
            continue;
        };
        if names.len() == MAX_ANNOUNCED {
            break;
        }
        names.push(name.clone());
        let ttl = Duration::from_secs(record.ttl.min(MAX_TTL).into());
        let mut instance = Instance {
            name,
            ttl,
            seconds: record.ttl,
            ..Instance::default()
        };
        fill(&mut instance, records());
        if instance.listed().is_none() {
            told.push(Announcement::Node(instance));
        } else if !ttl.is_zero() {
            told.push(Announcement::Service(instance));
        }
    }
    told
}

/// Adds the data of the other records to an instance.
fn fill<'a, 'b: 'a>(
    instance: &mut Instance,
    records: impl Iterator<Item = &'a ResourceRecord<'b>> + Clone,
) {
    let mut host = None;
    let mut addresses: HashMap<String, Vec<IpAddr>> = HashMap::new();
    for record in records {
        let name = text(&record.name);
        let is_it = within(&record.name).is_some_and(|name| name == instance.name);
        match &record.rdata {
            RData::SRV(srv) if is_it => {
                instance.port = Some(srv.port);
                host = Some(text(&srv.target));
            }
            RData::TXT(txt) if is_it => {
                // The strings are hexadecimal, so they contain no `=` at which to split.
                instance.pieces = txt.iter_raw().map(|(piece, _)| piece.to_vec()).collect();
            }
            RData::A(a) => {
                addresses
                    .entry(name)
                    .or_default()
                    .push(Ipv4Addr::from(a.address).into());
            }
            RData::AAAA(a) => {
                addresses
                    .entry(name)
                    .or_default()
                    .push(Ipv6Addr::from(a.address).into());
            }
            _ => {}
        }
    }
    instance.addresses = host
        .and_then(|host| addresses.remove(&host))
        .unwrap_or_default();
}

/// Encodes the query for a service's nodes, or for [`LISTING`].
pub(super) fn question(service: &str) -> Result<Vec<u8>> {
    let mut packet = Packet::new_query(0);
    packet.questions.push(asking(service)?);
    packed(&packet)
}

/// Encodes the announcement of a node. `asked` is the id of the query if this is a unicast response
/// to it. A `ttl` of zero is a goodbye.
pub(super) fn announcement(
    node: &Node,
    addresses: &[IpAddr],
    ttl: Duration,
    (asked, secret): (Option<u16>, Option<&Secret>),
) -> Result<Vec<u8>> {
    let port = node
        .address
        .rsplit_once(':')
        .and_then(|(_, port)| port.parse().ok());
    let port = port.ok_or_else(|| {
        Error::invalid_argument(format!("address `{}` has no port", node.address))
    })?;
    let write = |with_methods| {
        let (pieces, text) = txt::encode_measured(node, with_methods);
        let service = Service {
            name: &node.service,
            instance: &node.id,
            port,
            ttl,
            secret,
        };
        Ok::<_, Error>((service.packet(addresses, &pieces, asked)?, text))
    };
    let (mut bytes, mut text) = write(true)?;
    if (bytes.len() > MTU || text > txt::MAX_TEXT) && !node.methods.is_empty() {
        (bytes, text) = write(false)?;
    }
    if bytes.len() <= MAX_MESSAGE && text <= txt::MAX_TEXT {
        return Ok(bytes);
    }
    Err(Error::invalid_argument(format!(
        "the record of `{}` has {} bytes and {text} before compression, {MAX_MESSAGE} and {} are \
         allowed; give it less metadata",
        node.id,
        bytes.len(),
        txt::MAX_TEXT
    )))
}

/// Encodes a response to the query for [`LISTING`], with one service.
pub(super) fn listing(
    name: &str,
    ttl: Duration,
    (asked, secret): (Option<u16>, Option<&Secret>),
) -> Result<Vec<u8>> {
    let service = Service {
        name: LISTING,
        instance: name,
        port: LISTING_PORT,
        ttl,
        secret,
    };
    service.packet(&[Ipv4Addr::UNSPECIFIED.into()], &[String::new()], asked)
}

struct Service<'a> {
    name: &'a str,
    instance: &'a str,
    port: u16,
    ttl: Duration,
    /// The secret that signs the message.
    secret: Option<&'a Secret>,
}

impl Service<'_> {
    fn packet(
        &self,
        addresses: &[IpAddr],
        pieces: &[String],
        asked: Option<u16>,
    ) -> Result<Vec<u8>> {
        let mut packet = Packet::new_reply(asked.unwrap_or(0));
        packet.set_flags(PacketFlag::AUTHORITATIVE_ANSWER);
        if asked.is_some() {
            packet.questions.push(asking(self.name)?);
        }
        // Round up: a ttl of less than a second would become zero.
        let ttl = u32::try_from(self.ttl.as_millis().div_ceil(1000)).unwrap_or(MAX_TTL);
        let service = name(self.name)?;
        let full = format!("{}.{}", self.instance, self.name);
        let instance = name(&full)?;
        let signed = Signed {
            name: &full,
            ttl,
            port: self.port,
            addresses,
        };
        let tag = self.secret.map(|secret| secret.tag(&signed, pieces));
        let mut add = |name: &Name<'_>, data| {
            let record = ResourceRecord::new(name.clone().into_owned(), CLASS::IN, ttl, data);
            packet.answers.push(record);
        };
        add(&service, RData::PTR(PTR(instance.clone())));
        let target = instance.clone();
        add(
            &instance,
            RData::SRV(SRV {
                priority: 10,
                weight: 1,
                port: self.port,
                target,
            }),
        );
        for address in addresses {
            add(
                &instance,
                match *address {
                    IpAddr::V4(v4) => RData::A(A { address: v4.into() }),
                    IpAddr::V6(v6) => RData::AAAA(AAAA { address: v6.into() }),
                },
            );
        }
        let mut txt = TXT::new();
        for piece in pieces.iter().chain(&tag) {
            let piece = CharacterString::new(piece.as_bytes());
            txt.add_char_string(piece.or_internal("a piece of the TXT record is too long")?);
        }
        add(&instance, RData::TXT(txt));
        packed(&packet)
    }
}

fn asking(service: &str) -> Result<Question<'static>> {
    Ok(Question::new(
        name(service)?,
        QTYPE::TYPE(TYPE::PTR),
        CLASS::IN.into(),
        false,
    ))
}

fn packed(packet: &Packet<'_>) -> Result<Vec<u8>> {
    packet
        .build_bytes_vec_compressed()
        .or_internal("cannot write a DNS message")
}

/// Creates a name in the domain. As in Go Micro, every dot separates two labels.
fn name(within: &str) -> Result<Name<'static>> {
    let labels: Vec<&str> = within.split('.').chain([DOMAIN]).collect();
    if labels.iter().all(|label| (1..=63).contains(&label.len())) && within.len() < 240 {
        let label = |label: &&str| Label::new_unchecked(label.as_bytes().to_vec());
        return Ok(Name::new_with_labels(
            &labels.iter().map(label).collect::<Vec<_>>(),
        ));
    }
    Err(Error::invalid_argument(format!(
        "`{within}` is not a DNS name: between dots there must be 1 to 63 bytes"
    )))
}

/// Strips the domain from a name. Returns `None` for other domains.
fn within(name: &Name<'_>) -> Option<String> {
    let full = text(name);
    let (front, domain) = full.rsplit_once('.')?;
    domain
        .eq_ignore_ascii_case(DOMAIN)
        .then(|| front.to_owned())
}

fn text(name: &Name<'_>) -> String {
    let labels = name
        .get_labels()
        .iter()
        .map(|label| String::from_utf8_lossy(label.as_ref()));
    labels.collect::<Vec<_>>().join(".")
}
