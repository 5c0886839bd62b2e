//! Examples in documents outside of the runtime crates: they compile, and run where they can.

macro_rules! texts {
    ($($name:ident = $path:literal;)*) => {
        $(
            #[doc = include_str!($path)]
            #[derive(Debug)]
            pub struct $name;
        )*
    };
}

texts! {
    Readme = "../../README.md";
    GuideFirstService = "../../docs/first-service.md";
    GuideMessages = "../../docs/messages.md";
    GuideCallsAndStreams = "../../docs/calls-and-streams.md";
    GuideRest = "../../docs/rest.md";
    GuideBeside = "../../docs/beside.md";
    GuideEvents = "../../docs/events.md";
    GuideState = "../../docs/state.md";
    GuideWraps = "../../docs/wraps.md";
    GuideTesting = "../../docs/testing.md";
    GuideBackends = "../../docs/backends.md";
    GuideFromGoMicro = "../../docs/from-go-micro.md";
    GuideFromTonic = "../../docs/from-tonic.md";
    Error = "../../micro-macros/docs/error.md";
    Every = "../../micro-macros/docs/every.md";
    Message = "../../micro-macros/docs/message.md";
    On = "../../micro-macros/docs/on.md";
    Rpc = "../../micro-macros/docs/rpc.md";
    Run = "../../micro-macros/docs/run.md";
    Service = "../../micro-macros/docs/service.md";
    Subscribe = "../../micro-macros/docs/subscribe.md";
    Test = "../../micro-macros/docs/test.md";
    Wrap = "../../micro-macros/docs/wrap.md";
}
