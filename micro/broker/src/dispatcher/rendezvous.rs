//! Rendezvous hashing: selects the member of a queue that receives the events of a key.
//!
//! Every publisher selects the member independently, so all publishers must compute the same
//! weights, regardless of the compiler that they were built with. The rule is part of the protocol
//! between publishers:
//!
//! - The weight of a member for a key is SipHash-2-4, with a key of sixteen zero bytes, over the
//!   UTF-8 bytes of the event's key, one byte `0xFF`, and the UTF-8 bytes of the member's id in the
//!   registry.
//! - The member with the greatest weight receives the event. If weights are equal, the member with
//!   the greatest id in byte order receives it.
//!
//! When a member joins or leaves, only the keys that it gains or loses move to a different member.
//! The byte `0xFF` never occurs in UTF-8 text, so no two pairs of key and id have the same input.

use std::hash::Hasher as _;
use std::sync::Arc;

use siphasher::sip::SipHasher24;

use super::Member;

/// Returns the weight of a member for a key.
fn weight(key: &str, id: &str) -> u64 {
    // The standard library's hasher is not used because its output may change with every release of
    // Rust. `str::hash` is not used because it adds unspecified bytes.
    let mut hasher = SipHasher24::new();
    hasher.write(key.as_bytes());
    hasher.write(&[0xFF]);
    hasher.write(id.as_bytes());
    hasher.finish()
}

/// Returns the member that receives the events of a key; `None` without members. The order of
/// `members` does not matter.
pub(super) fn member<'a>(key: &str, members: &'a [Arc<dyn Member>]) -> Option<&'a Arc<dyn Member>> {
    members
        .iter()
        .max_by_key(|&member| (weight(key, member.id()), member.id()))
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;
    use crate::ack_handle::AckHandle;
    use crate::backend::BoxFuture;
    use crate::dispatcher::{Refusal, Target};
    use crate::record::Event;

    struct Named(&'static str, Target);

    impl Member for Named {
        fn id(&self) -> &str {
            self.0
        }

        fn target(&self) -> &Target {
            &self.1
        }

        fn offer(
            &self,
            _: Arc<Event>,
            _: AckHandle,
            _: Instant,
        ) -> BoxFuture<'_, Result<(), Refusal>> {
            unreachable!("nothing is offered here")
        }
    }

    fn members(ids: &[&'static str]) -> Vec<Arc<dyn Member>> {
        let queue = Target::Queue("audit".into());
        let named = |&id| Arc::new(Named(id, queue.clone())) as Arc<dyn Member>;
        ids.iter().map(named).collect()
    }

    /// Expected values of an independent implementation, which was checked against a test vector
    /// from the `SipHash` paper.
    #[test]
    fn weights_are_siphash_2_4_of_key_separator_and_id() {
        for (key, id, expected) in [
            ("", "", 0x20dd_4eb3_3d95_90f2),
            ("a", "bc", 0xbd1f_66b5_8c6d_2a86),
            ("ab", "c", 0xfcde_8f8e_4512_2c72),
            ("order-17", "greeter-1", 0x76d0_19bf_7851_69ff),
            ("Zürich", "node-7", 0xb23a_f165_3f6d_246c),
        ] {
            assert_eq!(weight(key, id), expected, "{key} {id}");
        }
    }

    #[test]
    fn all_publishers_pick_the_same_member_whatever_the_order_they_know_them_in() {
        for ids in [
            ["north", "east", "south", "west"],
            ["west", "south", "east", "north"],
        ] {
            let members = members(&ids);
            for (key, expected) in [
                ("order-1", "south"),
                ("order-2", "east"),
                ("order-3", "west"),
                ("order-4", "south"),
                ("order-5", "north"),
                ("order-6", "west"),
                ("order-7", "south"),
                ("order-8", "west"),
            ] {
                assert_eq!(member(key, &members).unwrap().id(), expected, "{key}");
            }
        }
    }

    #[test]
    fn keys_stay_with_their_member_when_another_one_leaves() {
        let (before, after) = (
            members(&["north", "east", "south"]),
            members(&["north", "east"]),
        );
        let mut moved = 0;
        for key in (0..300).map(|number| format!("order-{number}")) {
            let old = member(&key, &before).unwrap().id();
            let new = member(&key, &after).unwrap().id();
            if old == "south" {
                moved += 1;
            } else {
                assert_eq!(old, new, "{key}");
            }
        }
        assert!((60..=140).contains(&moved), "{moved}");
    }
}
