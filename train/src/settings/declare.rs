//! The declaration of settings.

/// Declares a struct of settings: its fields, the keys of a TOML file and, with the feature `cli`, flags.
///
/// The first paragraph of a field's documentation is its help. `#[was(..)]` names flags of earlier versions, with
/// hyphens; the keys of a file with these names are read too. `#[arg(..)]` is clap's, with what differs from a long flag
/// with one value; `#[serde(..)]` is serde's. `..shared: Shared` flattens other settings. A crate that uses it needs serde
/// and, with the feature `cli`, clap.
///
/// ```
/// easel_train::settings! {
///     /// How to bake.
///     pub struct Baking {
///         /// Minutes in the oven
///         #[was("time")]
///         #[arg(value_name = "N")]
///         pub minutes: u32,
///     }
/// }
/// use easel_train::settings::Settings;
/// assert_eq!(Baking::names()[0].former, ["time"]);
/// ```
#[macro_export]
macro_rules! settings {
    (
        $(#[doc = $about:literal])*
        pub struct $settings:ident {
            $(
                $(#[doc = $help:literal])*
                $(#[was($($former:literal),+)])?
                $(#[arg($($arg:tt)*)])?
                $(#[serde($($serde:tt)*)])?
                pub $field:ident: $type:ty,
            )*
            $( ..$flattened:ident: $other:ty, )*
        }
    ) => {
        $crate::settings_struct! {
            $(#[doc = $about])*
            $settings
            $({
                $(#[doc = $help])*
                ($(aliases = [$($former),+],)? $($($arg)*)?)
                $(#[serde($($serde)*)])?
                $field: $type
            })*
            $(..$flattened: $other)*
        }

        $(
            impl AsRef<$other> for $settings {
                fn as_ref(&self) -> &$other {
                    &self.$flattened
                }
            }

            impl AsMut<$other> for $settings {
                fn as_mut(&mut self) -> &mut $other {
                    &mut self.$flattened
                }
            }
        )*

        impl $crate::settings::Settings for $settings {
            fn names() -> Vec<$crate::settings::Name> {
                let own = [$($crate::settings::Name { name: stringify!($field), former: &[$($($former),+)?] }),*];
                let others: &[fn() -> Vec<$crate::settings::Name>] =
                    &[$(<$other as $crate::settings::Settings>::names),*];
                own.into_iter().chain(others.iter().flat_map(|names| names())).collect()
            }
        }
    };
}

/// The struct of [`settings!`], with flags. It is a separate macro, since the declaring crate has its own features.
#[cfg(feature = "cli")]
#[doc(hidden)]
#[macro_export]
macro_rules! settings_struct {
    (
        $(#[doc = $about:literal])*
        $settings:ident
        $({ $(#[doc = $help:literal])* ($($arg:tt)*) $(#[serde($($serde:tt)*)])? $field:ident: $type:ty })*
        $(..$flattened:ident: $other:ty)*
    ) => {
        $(#[doc = $about])*
        #[derive(Debug, Clone, PartialEq, ::serde::Serialize, ::serde::Deserialize, ::clap::Args)]
        pub struct $settings {
            $($(#[doc = $help])* #[arg(long, $($arg)*)] $(#[serde($($serde)*)])? pub $field: $type,)*
            $(#[doc = stringify!($other)] #[command(flatten)] #[serde(flatten)] pub $flattened: $other,)*
        }
    };
}

/// The struct of [`settings!`], without flags.
#[cfg(not(feature = "cli"))]
#[doc(hidden)]
#[macro_export]
macro_rules! settings_struct {
    (
        $(#[doc = $about:literal])*
        $settings:ident
        $({ $(#[doc = $help:literal])* ($($arg:tt)*) $(#[serde($($serde:tt)*)])? $field:ident: $type:ty })*
        $(..$flattened:ident: $other:ty)*
    ) => {
        $(#[doc = $about])*
        #[derive(Debug, Clone, PartialEq, ::serde::Serialize, ::serde::Deserialize)]
        pub struct $settings {
            $($(#[doc = $help])* $(#[serde($($serde)*)])? pub $field: $type,)*
            $(#[doc = stringify!($other)] #[serde(flatten)] pub $flattened: $other,)*
        }
    };
}
