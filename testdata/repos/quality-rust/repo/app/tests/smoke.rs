#[test]
fn smoke() {
    assert_eq!("3".parse(), Ok(3));
}
