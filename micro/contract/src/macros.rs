//! Macros that generate one test per case.

/// Generates a test module with one test per case of the [registry suite](mod@crate::registry).
///
/// The expression is an async closure that returns a [`registry::World`](crate::registry::World), a
/// `Registry`, or a pair of registries that see the same nodes. See the [crate
/// documentation](crate#use) for the optional arguments.
///
/// ```test_harness
/// use micro::registry::{Memory, Registry};
///
/// micro_contract::registry!(memory, start_paused = true, async || Registry::new(Memory::new()));
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! registry {
    ($name:ident, $($arguments:tt)*) => {
        $crate::__suite! {
            registry $name [] [] [$($arguments)*]
            an_unknown_service_has_no_nodes
            registered_nodes_are_found_until_deregistered
            registered_nodes_are_listed
            a_watch_reports_each_change
            two_watches_see_the_same
            a_silent_node_disappears
            a_heartbeat_keeps_a_node
            wrong_names_are_refused
            what_it_cannot_is_unimplemented
        }
    };
}

/// Generates a test module with one test per case of the [broker suite](mod@crate::broker).
///
/// The expression is an async closure that returns a [`broker::World`](crate::broker::World) or,
/// for a backend within one process, a `Broker`. See the [crate documentation](crate#use) for the
/// optional arguments.
///
/// ```test_harness
/// use micro::broker::{Broker, Memory};
///
/// micro_contract::broker!(memory, start_paused = true, async || Broker::new(Memory::new()));
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! broker {
    ($name:ident, $($arguments:tt)*) => {
        $crate::__suite! {
            broker $name [] [] [$($arguments)*]
            each_queue_and_subscriber_gets_each_event_once
            a_burst_is_handled_to_the_last_event
            a_burst_at_a_slow_subscriber_is_handled_to_the_last_event
            a_burst_beyond_the_room_keeps_its_order
            three_queues_of_one_process_run_each_handler_once
            members_of_a_queue_share_its_events
            what_travels_beside_the_payload_arrives
            patterns_match_topics
            failed_events_are_tried_again_in_order
            poison_goes_to_the_dead_letters_and_the_rest_flows
            without_a_topic_dead_letters_are_kept
            panics_and_late_handlers_are_failures
            acknowledgement_by_hand_is_waited_for
            what_a_member_gives_back_goes_to_another
            one_id_is_handled_once
            delayed_events_come_later
            a_full_subscriber_is_waited_for_and_then_named
            an_event_without_subscribers_is_taken_by_nobody
            wrong_names_are_refused
            what_it_cannot_is_unimplemented
        }
    };
}

/// Generates a test module with one test per case of the [events suite](mod@crate::events).
///
/// The expression is an async closure that returns `Events`. If it is called again after the
/// returned events were closed, it must open the same storage again. See the [crate
/// documentation](crate#use) for the optional arguments.
///
/// ```test_harness
/// use micro::events::{Events, Memory};
///
/// micro_contract::events!(memory, start_paused = true, async || Events::new(Memory::new()));
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! events {
    ($name:ident, $($arguments:tt)*) => {
        $crate::__suite! {
            events $name [] [] [$($arguments)*]
            offsets_follow_each_other
            everything_of_an_event_survives
            reading_begins_where_it_says
            reading_begins_at_a_time
            a_reader_follows_the_end
            appends_of_many_are_each_there_once
            topics_are_kept_apart
            each_group_gets_everything
            consumers_share_their_group
            a_group_begins_where_it_says_and_goes_on_where_it_was
            in_flight_and_window_bound_a_group
            lag_counts_what_is_not_settled
            what_is_not_settled_comes_again
            a_late_ack_counts_and_a_late_nack_does_not
            poison_goes_to_the_dead_letters_and_the_rest_flows
            dead_letters_go_where_the_options_say
            each_group_has_its_dead_letter
            one_id_is_appended_once
            one_id_of_many_at_once_is_appended_once
            ids_outlive_a_restart
            a_key_is_served_in_order
            a_key_waits_for_its_oldest
            trimmed_is_gone_and_the_rest_stays
            a_deleted_topic_begins_anew
            a_close_ends_everything
            a_restart_keeps_everything
            what_it_cannot_is_unimplemented
        }
    };
}

/// Parses the optional arguments, then generates the module. Attributes and settings are passed on
/// as one token tree each, because a macro repetition cannot be expanded once per case.
#[doc(hidden)]
#[macro_export]
macro_rules! __suite {
    (
        $suite:ident $name:ident [$($attribute:tt)*] $settings:tt
        [ignore = $why:literal, $($rest:tt)*] $($case:ident)*
    ) => {
        $crate::__suite! {
            $suite $name [$($attribute)* #[ignore = $why]] $settings [$($rest)*] $($case)*
        }
    };
    (
        $suite:ident $name:ident $attributes:tt [$($setting:tt)*]
        [start_paused = $paused:literal, $($rest:tt)*] $($case:ident)*
    ) => {
        $crate::__suite! {
            $suite $name $attributes [$($setting)* .start_paused($paused)] [$($rest)*] $($case)*
        }
    };
    (
        $suite:ident $name:ident $attributes:tt [$($setting:tt)*]
        [worker_threads = $count:literal, $($rest:tt)*] $($case:ident)*
    ) => {
        $crate::__suite! {
            $suite $name $attributes [$($setting)* .worker_threads($count)] [$($rest)*] $($case)*
        }
    };
    (
        $suite:ident $name:ident $attributes:tt $settings:tt
        [$open:expr $(,)?] $($case:ident)*
    ) => {
        mod $name {
            #[allow(unused_imports, reason = "the expression may need no name")]
            use super::*;

            $($crate::__case! { $suite $case $attributes $settings [$open] })*
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __case {
    ($suite:ident $case:ident [$($attribute:tt)*] [$($setting:tt)*] [$open:expr]) => {
        #[test]
        $($attribute)*
        fn $case() {
            $crate::__private::Settings::new()$($setting)*.run(async {
                let world = $crate::$suite::World::open($open).await;
                $crate::$suite::$case(world).await;
            });
        }
    };
}
