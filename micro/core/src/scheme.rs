//! URL schemes: which one opens which backend, in one table a subsystem.
//!
//! A subsystem knows its own backends, those that other crates announce at link time, and those
//! that the app's builder is given. It also knows the schemes of features that are off, so that an
//! error can name the feature.

use micro_message::error::{Error, Result};
use micro_message::internal::sort_by_key;

/// The name of a URL scheme and what opens the handle `H` behind it.
#[doc(hidden)]
#[derive(Debug)]
pub struct Opener<H: 'static> {
    name: &'static str,
    how: OpenerKind<H>,
}

#[derive(Debug)]
enum OpenerKind<H: 'static> {
    /// Takes what follows `://`.
    Open(fn(&str) -> Result<H>),
    /// The backend stands behind a cargo feature of `micro` that is off.
    Off(&'static str),
}

impl<H> Clone for Opener<H> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<H> Copy for Opener<H> {}

impl<H> Clone for OpenerKind<H> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<H> Copy for OpenerKind<H> {}

impl<H> Opener<H> {
    /// A scheme by its name and a function that takes what follows `://` and contacts nobody yet.
    pub const fn new(name: &'static str, open: fn(&str) -> Result<H>) -> Self {
        let how = OpenerKind::Open(open);
        Self { name, how }
    }

    /// The scheme of a backend whose cargo feature is off.
    pub const fn off(name: &'static str, feature: &'static str) -> Self {
        let how = OpenerKind::Off(feature);
        Self { name, how }
    }

    fn is_on(&self) -> bool {
        matches!(self.how, OpenerKind::Open(_))
    }
}

/// Every scheme of one subsystem.
#[doc(hidden)]
#[derive(Debug)]
pub struct Schemes<H: 'static> {
    /// What the schemes open, in one word: `registry`.
    pub what: &'static str,
    /// The subsystem's own; another crate cannot take their place.
    pub own: &'static [Opener<H>],
    /// What other crates announced: `__announced!` makes it.
    pub announced: fn() -> Vec<&'static Opener<H>>,
}

impl<H> Schemes<H> {
    /// Opens what `scheme://rest` names; a scheme alone is one with nothing behind it. `given` are
    /// the schemes of the caller, which come first.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` for an unknown scheme, `Unimplemented` for one whose feature is off, and
    /// what the backend says of the rest.
    pub fn open(&self, url: &str, given: &[Opener<H>]) -> Result<H> {
        let (name, rest) = url.split_once("://").unwrap_or((url, ""));
        let named = self.all(given).filter(|scheme| scheme.name == name);
        // A crate that announces a scheme wins over a feature that is off.
        let mut named: Vec<_> = named.collect();
        sort_by_key(&mut named, |scheme| !scheme.is_on());
        let what = self.what;
        if named.iter().filter(|scheme| scheme.is_on()).count() > 1 {
            tracing::warn!(
                scheme = name,
                "several backends of this {what} scheme, the first is used"
            );
        }
        match named.first().map(|scheme| scheme.how) {
            Some(OpenerKind::Open(open)) => open(rest),
            Some(OpenerKind::Off(feature)) => Err(Error::unimplemented(format!(
                "{what} `{name}` is not in this build; turn on micro's feature `{feature}`: \
                 `micro = {{ features = [\"{feature}\"] }}`"
            ))),
            None => Err(Error::invalid_argument(format!(
                "there is no {what} `{}`, known: {}",
                name.escape_default(),
                self.known(given)
            ))),
        }
    }

    /// Whether a scheme is known, be its feature off.
    pub fn is_known(&self, name: &str, given: &[Opener<H>]) -> bool {
        self.all(given).any(|scheme| scheme.name == name)
    }

    fn all<'a>(&self, given: &'a [Opener<H>]) -> impl Iterator<Item = &'a Opener<H>> {
        let announced = (self.announced)().into_iter();
        given.iter().chain(self.own).chain(announced)
    }

    fn known(&self, given: &[Opener<H>]) -> String {
        let on = self.all(given).filter(|scheme| scheme.is_on());
        let mut names: Vec<_> = on.map(|scheme| format!("`{}`", scheme.name)).collect();
        names.sort();
        names.dedup();
        names.join(", ")
    }
}

/// Makes the type `Scheme` of a handle, the table that other crates' announcements go to, and
/// `fn announced()`, which reads it.
#[doc(hidden)]
#[macro_export]
macro_rules! __announced {
    ($handle:ty, $table:ident) => {
        /// A URL scheme and what opens it.
        #[derive(Debug, Clone, Copy)]
        pub struct Scheme($crate::scheme::Opener<$handle>);

        impl Scheme {
            /// A scheme by its name and a function that takes what follows `://` and contacts
            /// nobody yet.
            pub const fn new(
                name: &'static str,
                open: fn(&str) -> ::micro_message::error::Result<$handle>,
            ) -> Self {
                Self($crate::scheme::Opener::new(name, open))
            }

            /// The scheme of a backend whose cargo feature is off.
            #[doc(hidden)]
            pub const fn off(name: &'static str, feature: &'static str) -> Self {
                Self($crate::scheme::Opener::off(name, feature))
            }
        }

        $crate::__table!(Scheme, $table);

        fn announced() -> ::std::vec::Vec<&'static $crate::scheme::Opener<$handle>> {
            let schemes: ::std::vec::Vec<&'static Scheme> = $crate::__linked!(Scheme, $table);
            schemes.into_iter().map(|scheme| &scheme.0).collect()
        }
    };
}
