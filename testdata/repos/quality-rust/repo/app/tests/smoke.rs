#[test]
fn smoke() {
    assert!(true)
}
