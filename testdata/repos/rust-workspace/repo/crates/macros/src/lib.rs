use proc_macro::TokenStream;

/// The greeting of all services.
#[proc_macro]
pub fn greeting(_: TokenStream) -> TokenStream {
    "\"hello\"".parse().unwrap()
}
