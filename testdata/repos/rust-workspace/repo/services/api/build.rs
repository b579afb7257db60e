fn main() {
    println!("cargo:rerun-if-changed=currency.txt");
    let currency = std::fs::read_to_string("currency.txt").expect("currency.txt");
    println!("cargo:rustc-env=CURRENCY={}", currency.trim());
}
