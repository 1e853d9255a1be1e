//! The static binary needs nothing from the system it runs on.

use std::fs;

use crate::harness::{make, packaged, scratch, succeed};

/// Program header types of ELF.
const PT_DYNAMIC: u32 = 2;
const PT_INTERP: u32 = 3;

#[test]
fn the_binary_has_neither_interpreter_nor_dynamic_section() {
    let binary = fs::read(packaged().join("function/bootstrap")).expect("the binary");
    let types = program_header_types(&binary);
    assert!(types.len() > 2, "not a program: {types:?}");
    assert!(!types.contains(&PT_INTERP) && !types.contains(&PT_DYNAMIC), "{types:?}");
}

/// Of a 64-bit little-endian ELF file.
fn program_header_types(elf: &[u8]) -> Vec<u32> {
    assert_eq!(elf[..6], *b"\x7fELF\x02\x01", "not a 64-bit little-endian ELF file");
    let number = |at: usize, length: usize| {
        elf[at..at + length].iter().rev().fold(0_usize, |number, byte| number << 8 | usize::from(*byte))
    };
    let (table, size, count) = (number(32, 8), number(54, 2), number(56, 2));
    (0..count).map(|index| number(table + index * size, 4) as u32).collect()
}

#[test]
fn the_smallest_function_and_its_package_stay_small() {
    let out = scratch("small");
    succeed(&mut make("package", "hello", &out));
    let size = |name: &str| fs::metadata(out.join(name)).expect("a file").len();
    let (binary, package) = (size("bootstrap"), size("function.zip"));
    assert!(binary <= 1_400_000 && package <= 650_000, "{binary} bytes, {package} packaged");
}
