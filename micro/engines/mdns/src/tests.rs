//! Tests of multicast DNS's own behavior. The contract suite runs elsewhere.
//!
//! The tests use separate ports, so they neither receive from nor disturb the network.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use simple_dns::rdata::{A, PTR, RData, SRV, TXT};
use simple_dns::{CLASS, Name, Packet, ResourceRecord};
use tokio::net::UdpSocket;
use tokio::time::{Instant, timeout};

use crate::packet::{self, Announcement, Message};
use crate::registry::Mdns;
use micro_registry::Change;
use micro_registry::Watch;
use micro_registry::internal::listening_on_all;
use micro_registry::{Node, Registry};

const PATIENCE: Duration = Duration::from_secs(20);
const TTL: Duration = Duration::from_secs(60);

fn registry(port: u16) -> Registry {
    Registry::new(Mdns::on_port(port))
}

fn node(id: &str) -> Node {
    Node::new("greeter", id, "127.0.0.1:8080").with_version("1")
}

async fn next(watch: &mut Watch) -> Change {
    timeout(PATIENCE, watch.next())
        .await
        .expect("a change in time")
        .expect("watch goes on")
}

#[tokio::test]
async fn goodbye_counts_at_once_and_silence_after_the_ttl() {
    let (ours, theirs) = (registry(45_354), registry(45_354));
    let mut watch = theirs.watch("greeter").await.unwrap();
    let polite = ours.register(node("polite"), TTL).await.unwrap();
    assert_eq!(next(&mut watch).await.added, [node("polite")]);
    polite.deregister().await.unwrap();
    assert_eq!(
        next(&mut watch).await.removed,
        [node("polite")],
        "long before its ttl"
    );

    let crashed = ours
        .register(node("crashed"), Duration::from_secs(1))
        .await
        .unwrap();
    assert_eq!(next(&mut watch).await.added, [node("crashed")]);
    drop((crashed, ours));
    assert_eq!(next(&mut watch).await.removed, [node("crashed")]);
}

#[tokio::test]
async fn first_lookup_takes_the_answer_when_it_comes() {
    let (ours, theirs) = (registry(45_355), registry(45_355));
    let _a = ours.register(node("a"), TTL).await.unwrap();
    let _b = ours.register(node("b"), TTL).await.unwrap();
    let start = Instant::now();
    assert_eq!(
        theirs.lookup("greeter").await.unwrap(),
        [node("a"), node("b")]
    );
    let first = start.elapsed();
    assert_eq!(
        theirs.lookup("GREETER").await.unwrap().len(),
        2,
        "DNS names have no case"
    );
    println!("first lookup: {first:?}");
}

#[tokio::test]
async fn go_micros_question_is_answered_to_it_alone() {
    let ours = registry(45_356);
    let _a = ours.register(node("a"), TTL).await.unwrap();
    let asker = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    for (asked, told) in [("greeter", "a.greeter"), ("_services", "greeter._services")] {
        let mut question = packet::question(asked).unwrap();
        // Go Micro's queries have a random id.
        question[..2].copy_from_slice(&[0x12, 0x34]);
        asker.send_to(&question, "127.0.0.1:45356").await.unwrap();
        let mut buffer = [0; 9000];
        let received = timeout(PATIENCE, asker.recv_from(&mut buffer))
            .await
            .unwrap();
        let (length, from) = received.unwrap();
        assert_eq!(from.port(), 45_356);
        let answer = Packet::parse(&buffer[..length]).unwrap();
        assert_eq!(answer.id(), 0x1234);
        let kinds: Vec<&str> = answer
            .answers
            .iter()
            .map(|record| kind(&record.rdata))
            .collect();
        assert_eq!(
            kinds,
            ["PTR", "SRV", "A", "TXT"],
            "all in one message, in its order"
        );
        let RData::PTR(target) = &answer.answers[0].rdata else {
            unreachable!()
        };
        assert_eq!(target.0.to_string(), format!("{told}.micro"));
        assert!((58..=60).contains(&answer.answers[0].ttl));
    }
}

fn kind(data: &RData<'_>) -> &'static str {
    match data {
        RData::PTR(_) => "PTR",
        RData::SRV(_) => "SRV",
        RData::A(_) => "A",
        RData::TXT(_) => "TXT",
        _ => "other",
    }
}

/// A message as Go Micro writes it: the target is the machine's name, outside of the domain.
fn by_go_micro(ttl: u32, asked: bool) -> Vec<u8> {
    let mut message = Packet::new_reply(0);
    let instance = Name::new("greeter-1.2.greeter.micro").unwrap();
    let host = Name::new("box").unwrap();
    let pieces = super::txt::encode(&node("x"), true);
    let mut txt = TXT::new();
    for piece in &pieces {
        txt.add_string(piece).unwrap();
    }
    let srv = SRV {
        priority: 10,
        weight: 1,
        port: 80,
        target: host.clone(),
    };
    for (name, data) in [
        (
            Name::new("greeter.micro").unwrap(),
            RData::PTR(PTR(instance.clone())),
        ),
        (instance.clone(), RData::SRV(srv)),
        (
            host,
            RData::A(A {
                address: Ipv4Addr::new(10, 0, 0, 9).into(),
            }),
        ),
        (instance, RData::TXT(txt)),
    ] {
        message
            .answers
            .push(ResourceRecord::new(name, CLASS::IN, ttl, data));
    }
    if !asked {
        message.answers.remove(0);
    }
    message.build_bytes_vec().unwrap()
}

#[test]
fn go_micros_message_is_read_asked_for_or_not() {
    for asked in [true, false] {
        let Some(Message::Answer(told)) = packet::parse(&by_go_micro(120, asked)) else {
            panic!()
        };
        let [Announcement::Node(instance)] = &told[..] else {
            panic!("{told:?}")
        };
        assert_eq!(instance.ttl, Duration::from_secs(120));
        let node = instance.node(<[IpAddr]>::to_vec).unwrap();
        assert_eq!(node.id, "greeter-1.2");
        assert_eq!(node.address, "10.0.0.9:80");
        assert_eq!(node.version, "1");
        let Some(Message::Answer(told)) = packet::parse(&by_go_micro(0, asked)) else {
            panic!()
        };
        assert!(matches!(&told[..], [Announcement::Node(instance)] if instance.ttl.is_zero()));
    }
}

#[test]
fn methods_are_left_out_where_they_do_not_fit() {
    let ip: IpAddr = Ipv4Addr::LOCALHOST.into();
    let methods = (0_u64..300).map(|n| format!("/greeter.Greeter/M{}", n.wrapping_pow(9)));
    let big = node("a").with_methods(methods);
    let bytes = packet::announcement(&big, &[ip], TTL, (None, None)).unwrap();
    assert!(bytes.len() <= 1400);
    let Some(Message::Answer(told)) = packet::parse(&bytes) else {
        panic!()
    };
    let [Announcement::Node(instance)] = &told[..] else {
        panic!()
    };
    assert_eq!(instance.node(<[IpAddr]>::to_vec), Some(node("a")));

    let mut random = String::new();
    for n in 0_u64..4000 {
        random.push_str(&n.wrapping_pow(13).to_string());
    }
    let error = packet::announcement(&big.with_metadata("k", random), &[ip], TTL, (None, None));
    assert!(error.unwrap_err().message().contains("less metadata"));
    let long = node("a").with_metadata("k", "v".repeat(70_000));
    let error = packet::announcement(&long, &[ip], TTL, (None, None)).unwrap_err();
    assert!(error.message().contains("before compression"), "{error}");
    assert!(packet::announcement(&node("a..b"), &[ip], TTL, (None, None)).is_err());
}

/// A seeded random number generator with the same sequence in every run.
struct Seeded(u64);

impl Seeded {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(limit).unwrap()).unwrap()
    }
}

fn hostile(random: &mut Seeded) -> Vec<u8> {
    let byte = |random: &mut Seeded| random.next().to_le_bytes()[0];
    if random.below(3) == 0 {
        let length = random.below(600);
        return (0..length).map(|_| byte(random)).collect();
    }
    let mut bytes = by_go_micro(120, random.below(2) == 0);
    for _ in 0..=random.below(6) {
        let at = random.below(bytes.len());
        bytes[at] = byte(random);
    }
    bytes.truncate(random.below(bytes.len()) + 1);
    bytes
}

#[test]
fn hostile_bytes_are_read_without_harm() {
    let mut random = Seeded(0x9E37_79B9_7F4A_7C15);
    for _ in 0..20_000 {
        if let Some(Message::Answer(told)) = packet::parse(&hostile(&mut random)) {
            for told in told {
                if let Announcement::Node(instance) = told {
                    instance.node(<[IpAddr]>::to_vec);
                }
            }
        }
    }
}

#[test]
fn names_that_point_in_circles_and_great_counts_are_refused() {
    let mut circle = vec![0, 0, 0x84, 0, 0, 0, 0, 1, 0, 0, 0, 0];
    circle.extend([0xC0, 12, 0, 12, 0, 1, 0, 0, 0, 120, 0, 2, 0xC0, 12]);
    assert_eq!(packet::parse(&circle), None);
    let counts = [
        0, 0, 0x84, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
    ];
    assert_eq!(packet::parse(&counts), None);
}

#[tokio::test]
async fn flood_of_hostile_datagrams_stops_nothing() {
    let (ours, theirs) = (registry(45_357), registry(45_357));
    let mut watch = theirs.watch("greeter").await.unwrap();
    let attacker = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let group = SocketAddr::from(([127, 0, 0, 1], 45_357));
    let mut random = Seeded(7);
    for _ in 0..2000 {
        attacker
            .send_to(&hostile(&mut random), group)
            .await
            .unwrap();
    }
    let _a = ours.register(node("a"), TTL).await.unwrap();
    while !next(&mut watch).await.nodes.contains(&node("a")) {}
}

/// The unsigned announcement of node `a` of the service `greeter`.
fn announcement(address: &str, ttl: Duration) -> Vec<u8> {
    let node = Node::new("greeter", "a", address).with_version("1");
    let address: SocketAddr = address.parse().unwrap();
    packet::announcement(&node, &[address.ip()], ttl, (None, None)).unwrap()
}

/// Waits until `theirs` knows exactly these nodes of the service.
async fn knows(theirs: &Registry, expected: &[Node]) {
    let mut watch = theirs.watch("greeter").await.unwrap();
    while next(&mut watch).await.nodes != expected {}
}

#[tokio::test]
async fn change_and_goodbye_from_another_address_are_ignored() {
    let theirs = registry(45_358);
    let mut watch = theirs.watch("greeter").await.unwrap();
    let group = SocketAddr::from(([127, 0, 0, 1], 45_358));
    let owner = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let attacker = UdpSocket::bind("127.0.0.2:0").await.unwrap();
    let datagram = announcement("127.0.0.1:8080", TTL);
    owner.send_to(&datagram, group).await.unwrap();
    assert_eq!(next(&mut watch).await.added, [node("a")]);

    for forged in [
        announcement("127.0.0.2:7777", TTL),
        announcement("127.0.0.2:8080", TTL),
        announcement("127.0.0.1:8080", Duration::ZERO),
    ] {
        attacker.send_to(&forged, group).await.unwrap();
    }
    // A later datagram of the attacker was received, so the earlier ones were received before.
    let other = Node::new("greeter", "b", "127.0.0.2:7777");
    let ip: IpAddr = Ipv4Addr::new(127, 0, 0, 2).into();
    let datagram = packet::announcement(&other, &[ip], TTL, (None, None)).unwrap();
    attacker.send_to(&datagram, group).await.unwrap();
    let change = next(&mut watch).await;
    assert_eq!(change.nodes, [node("a"), other]);
    assert_eq!((change.updated.len(), change.removed.len()), (0, 0));

    let datagram = announcement("127.0.0.1:8080", Duration::ZERO);
    owner.send_to(&datagram, group).await.unwrap();
    assert_eq!(next(&mut watch).await.removed, [node("a")]);
}

#[tokio::test]
async fn node_on_all_addresses_is_announced_to_each_network_with_its_addresses() {
    let (ours, theirs) = (registry(45_374), registry(45_374));
    // The address that other registries get is in none of this machine's networks.
    let guess = Node::new("greeter", "a", "192.0.2.1:8080").with_version("1");
    let node = listening_on_all(guess, Ipv4Addr::UNSPECIFIED.into());
    let _registration = ours.register(node.clone(), TTL).await.unwrap();
    let found = theirs.lookup("greeter").await.unwrap();
    assert_eq!(found[0].address, "127.0.0.1:8080", "on this machine");
    assert!(!found[0].other_addresses.contains(&node.address));
}

#[tokio::test]
async fn all_addresses_of_a_record_are_kept_the_best_first() {
    let theirs = registry(45_375);
    let mut watch = theirs.watch("greeter").await.unwrap();
    let ips = ["fd00::7", "127.0.0.1", "fe80::7", "10.0.0.7"].map(|ip| ip.parse().unwrap());
    let datagram = packet::announcement(&node("a"), &ips, TTL, (None, None)).unwrap();
    let owner = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let group = SocketAddr::from(([127, 0, 0, 1], 45_375));
    owner.send_to(&datagram, group).await.unwrap();
    let found = next(&mut watch).await.nodes;
    assert_eq!(found[0].address, "127.0.0.1:8080");
    assert_eq!(
        found[0].other_addresses,
        ["10.0.0.7:8080", "[fd00::7]:8080"]
    );
}

#[tokio::test]
async fn only_records_signed_with_the_secret_count() {
    const SECRET: &str = "correct horse battery staple";
    let with = |secret: &str| Registry::new(Mdns::on_port(45_359).with_secret(secret).unwrap());
    let (ours, theirs, open) = (with(SECRET), with(SECRET), registry(45_359));
    let strangers = with("another secret, as long");
    let mut watch = theirs.watch("greeter").await.unwrap();
    let unsigned = Node::new("greeter", "unsigned", "127.0.0.1:1");
    let _unsigned = open.register(unsigned, TTL).await.unwrap();
    let forged = Node::new("greeter", "forged", "127.0.0.1:2");
    let _forged = strangers.register(forged, TTL).await.unwrap();
    let registration = ours.register(node("a"), TTL).await.unwrap();
    assert_eq!(next(&mut watch).await.nodes, [node("a")]);
    assert_eq!(theirs.lookup("greeter").await.unwrap(), [node("a")]);
    assert_eq!(theirs.list().await.unwrap(), [node("a")]);
    let open_to_it = open.lookup("greeter").await.unwrap();
    let ids: Vec<&str> = open_to_it.iter().map(|node| node.id.as_str()).collect();
    assert_eq!(
        ids,
        ["a", "forged", "unsigned"],
        "without a secret all count"
    );

    // An unsigned goodbye has no effect, a signed one has.
    let attacker = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let group = SocketAddr::from(([127, 0, 0, 1], 45_359));
    let goodbye = announcement("127.0.0.1:8080", Duration::ZERO);
    attacker.send_to(&goodbye, group).await.unwrap();
    let b = Node::new("greeter", "b", "127.0.0.1:8081");
    let _b = ours.register(b.clone(), TTL).await.unwrap();
    let change = next(&mut watch).await;
    assert_eq!(
        (change.nodes, change.removed.len()),
        (vec![node("a"), b.clone()], 0)
    );
    registration.deregister().await.unwrap();
    knows(&theirs, &[b]).await;
}

#[test]
fn secret_is_read_from_the_url_and_never_shown() {
    let mdns = Mdns::open("?secret=correct%20horse%20battery").unwrap();
    let shown = format!("{mdns:?}");
    assert!(!shown.contains("horse"), "{shown}");
    for wrong in [
        "horse",
        "?horse=1",
        "?secret=horse",
        "?secret=%ffhorse%ff-and-more",
        "?secret=horse&a=b",
    ] {
        let error = Mdns::open(wrong).unwrap_err();
        assert!(!error.chain().contains("horse"), "{error}");
    }
}

/// A message whose text inflates to a hundred times its size.
fn bomb(id: u32) -> Vec<u8> {
    let methods = r#"{"name":"A.B"},"#.repeat(17_000);
    let text = format!(r#"{{"Service":"greeter","Endpoints":[{methods}{{}}]}}"#);
    let mut message = Packet::new_reply(0);
    let instance = format!("bomb-{id}.greeter.micro");
    let instance = Name::new(&instance).unwrap();
    let pieces = super::txt::pack(text.as_bytes());
    let mut txt = TXT::new();
    for piece in &pieces {
        txt.add_string(piece).unwrap();
    }
    let srv = SRV {
        priority: 10,
        weight: 1,
        port: 80,
        target: instance.clone(),
    };
    let a = A {
        address: Ipv4Addr::LOCALHOST.into(),
    };
    for data in [RData::SRV(srv), RData::A(a), RData::TXT(txt)] {
        let record = ResourceRecord::new(instance.clone(), CLASS::IN, 60, data);
        message.answers.push(record);
    }
    message.build_bytes_vec().unwrap()
}

#[tokio::test]
async fn datagrams_that_inflate_are_not_kept_and_leave_the_thread_to_others() {
    let (ours, theirs) = (registry(45_360), registry(45_360));
    let mut watch = theirs.watch("greeter").await.unwrap();
    let group = SocketAddr::from(([127, 0, 0, 1], 45_360));
    let attacker = std::net::UdpSocket::bind("127.0.0.2:0").unwrap();
    let bomb = bomb(1);
    let flood = tokio::task::spawn_blocking(move || {
        for _ in 0..3000 {
            attacker.send_to(&bomb, group).unwrap();
        }
    });
    // The counting runs on the same thread as the registry.
    let mut turns = 0;
    while !flood.is_finished() {
        tokio::task::yield_now().await;
        turns += 1;
    }
    flood.await.unwrap();
    assert!(turns > 0);
    let _a = ours.register(node("a"), TTL).await.unwrap();
    let change = next(&mut watch).await;
    assert_eq!(change.nodes, [node("a")], "and none of the flood's");
}
