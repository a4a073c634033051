//! Mistakes that the compiler finds, in words one can act on.

#[test]
fn mistakes_in_wiring_are_compile_errors_that_read_well() {
    trybuild::TestCases::new().compile_fail("tests/engine/compile_fail/*.rs");
}
