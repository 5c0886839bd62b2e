//! URL schemes: which one opens which backend, in one table a subsystem.
//!
//! Holds what the subsystems' tables have in common: own backends, those that other crates
//! announce, those still to come, and what is said of a scheme that nobody knows.

use crate::error::{Error, Result};

/// A URL scheme and what opens the handle `H` behind it.
#[derive(Debug)]
pub struct Scheme<H: 'static> {
    name: &'static str,
    open: fn(&str) -> Result<H>,
}

impl<H> Scheme<H> {
    /// A scheme by its name and a function that takes what follows `://` and contacts nobody yet.
    pub const fn new(name: &'static str, open: fn(&str) -> Result<H>) -> Self {
        Self { name, open }
    }
}

/// Every scheme of one subsystem.
pub(crate) struct Schemes<H: 'static> {
    /// What the schemes open, in one word: `registry`.
    pub(crate) what: &'static str,
    /// Ours; another crate cannot take their place.
    pub(crate) own: &'static [Scheme<H>],
    /// What other crates announced: `announced!` makes it.
    pub(crate) announced: fn() -> Vec<&'static Scheme<H>>,
    /// Schemes whose meaning is settled and whose backend is still to come.
    pub(crate) later: &'static [&'static str],
}

impl<H> Schemes<H> {
    /// Opens what `scheme://rest` names; a scheme alone is one with nothing behind it.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` for a scheme that nobody announced, `Unimplemented` for one to come, and
    /// what the backend says of the rest.
    pub(crate) fn open(&self, url: &str) -> Result<H> {
        let (name, rest) = url.split_once("://").unwrap_or((url, ""));
        if let Some(scheme) = self.all().find(|scheme| scheme.name == name) {
            return (scheme.open)(rest);
        }
        let (what, known) = (self.what, self.known());
        if self.later.contains(&name) {
            return Err(Error::unimplemented(format!(
                "{what} `{name}` is not available in this version, choose from: {known}"
            )));
        }
        let name = name.escape_default();
        Err(Error::invalid_argument(format!(
            "there is no {what} `{name}`, known: {known}"
        )))
    }

    /// Whether a scheme is known, be it still to come.
    pub(crate) fn is_known(&self, name: &str) -> bool {
        self.later.contains(&name) || self.all().any(|scheme| scheme.name == name)
    }

    fn all(&self) -> impl Iterator<Item = &'static Scheme<H>> {
        self.own.iter().chain((self.announced)())
    }

    fn known(&self) -> String {
        let mut names: Vec<_> = self
            .all()
            .map(|scheme| format!("`{}`", scheme.name))
            .collect();
        names.sort();
        names.dedup();
        names.join(", ")
    }
}

/// Makes the type `Scheme` of a handle, the table that other crates' announcements go to, and
/// `fn announced()`, which reads it. For the module that an exported macro calls
/// `$crate::<module>::{Scheme, $slice}`; `linkme` wants one name a table in the whole crate.
macro_rules! announced {
    ($handle:ty, $slice:ident) => {
        /// A URL scheme and what opens it.
        pub type Scheme = $crate::scheme::Scheme<$handle>;

        #[cfg(not(feature = "linkme"))]
        ::inventory::collect!(Scheme);

        /// What other crates announced.
        #[cfg(feature = "linkme")]
        #[doc(hidden)]
        #[::linkme::distributed_slice]
        #[linkme(crate = ::linkme)]
        pub static $slice: [Scheme];

        fn announced() -> Vec<&'static Scheme> {
            #[cfg(not(feature = "linkme"))]
            let announced = ::inventory::iter::<Scheme>.into_iter();
            #[cfg(feature = "linkme")]
            let announced = $slice.iter();
            announced.collect()
        }
    };
}
pub(crate) use announced;

/// What the exported macros of the subsystems expand to.
#[cfg(not(feature = "linkme"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __scheme {
    ($module:ident, $slice:ident, $name:expr, $open:expr) => {
        $crate::__private::inventory::submit! { $crate::$module::Scheme::new($name, $open) }
    };
}

/// What the exported macros of the subsystems expand to.
#[cfg(feature = "linkme")]
#[doc(hidden)]
#[macro_export]
macro_rules! __scheme {
    ($module:ident, $slice:ident, $name:expr, $open:expr) => {
        const _: () = {
            #[$crate::__private::linkme::distributed_slice($crate::$module::$slice)]
            #[linkme(crate = $crate::__private::linkme)]
            static SCHEME: $crate::$module::Scheme = $crate::$module::Scheme::new($name, $open);
        };
    };
}
