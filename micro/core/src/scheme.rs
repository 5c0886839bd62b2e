//! URL schemes: one table per subsystem that maps a scheme to the backend it opens.
//!
//! A table contains the subsystem's own backends, the backends that other crates announce at link
//! time, and the backends given to the app's builder. It also contains the schemes of features that
//! are off, so that an error can name the feature.

use micro_message::error::{Error, Result};
use micro_message::internal::sort_by_key;

/// The name of a URL scheme and the function that opens the handle `H` for it.
#[doc(hidden)]
#[derive(Debug)]
pub struct Opener<H: 'static> {
    name: &'static str,
    how: OpenerKind<H>,
}

#[derive(Debug)]
enum OpenerKind<H: 'static> {
    /// Function that takes the part of the URL after `://`.
    Open(fn(&str) -> Result<H>),
    /// The backend belongs to a cargo feature of `micro` that is off. The value is the feature's
    /// name.
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
    /// Creates a scheme. `open` takes the part of the URL after `://` and must not connect to
    /// anything yet.
    pub const fn new(name: &'static str, open: fn(&str) -> Result<H>) -> Self {
        let how = OpenerKind::Open(open);
        Self { name, how }
    }

    /// Creates the scheme of a backend whose cargo feature is off.
    pub const fn off(name: &'static str, feature: &'static str) -> Self {
        let how = OpenerKind::Off(feature);
        Self { name, how }
    }

    fn is_on(&self) -> bool {
        matches!(self.how, OpenerKind::Open(_))
    }
}

/// All schemes of one subsystem.
#[doc(hidden)]
#[derive(Debug)]
pub struct Schemes<H: 'static> {
    /// The kind of handle that the schemes open, in one word: `registry`.
    pub what: &'static str,
    /// The subsystem's own schemes. Other crates cannot override them.
    pub own: &'static [Opener<H>],
    /// Returns the schemes that other crates announced. The macro `__announced!` generates the
    /// function.
    pub announced: fn() -> Vec<&'static Opener<H>>,
}

impl<H> Schemes<H> {
    /// Opens the handle for `scheme://rest`. A scheme alone has an empty rest. The schemes in
    /// `given` come from the caller and take precedence.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` for an unknown scheme, `Unimplemented` for a scheme whose feature is off,
    /// and the error of the backend for the rest of the URL.
    pub fn open(&self, url: &str, given: &[Opener<H>]) -> Result<H> {
        let (name, rest) = url.split_once("://").unwrap_or((url, ""));
        let named = self.all(given).filter(|scheme| scheme.name == name);
        // An announced scheme takes precedence over a feature that is off.
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

    /// Whether a scheme is known, even if its feature is off.
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

/// Defines the type `Scheme` of a handle, the link-time table for the announcements of other
/// crates, and `fn announced()`, which reads the table.
#[doc(hidden)]
#[macro_export]
macro_rules! __announced {
    ($handle:ty, $table:ident) => {
        /// A URL scheme and the function that opens it.
        #[derive(Debug, Clone, Copy)]
        pub struct Scheme($crate::scheme::Opener<$handle>);

        impl Scheme {
            /// Creates a scheme. `open` takes the part of the URL after `://` and must not connect
            /// to anything yet.
            pub const fn new(
                name: &'static str,
                open: fn(&str) -> ::micro_message::error::Result<$handle>,
            ) -> Self {
                Self($crate::scheme::Opener::new(name, open))
            }

            /// Creates the scheme of a backend whose cargo feature is off.
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
