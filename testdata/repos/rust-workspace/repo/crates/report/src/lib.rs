pub fn line(what: &str, cents: i64) -> String {
    format!("{what}: {}", money::Cents(cents))
}
