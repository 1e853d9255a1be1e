//! What does a program's file ask of the machine? Its architecture and its loader. Whether the machine has them is not
//! known here.

use std::fs::File;

use object::elf::PT_INTERP;
use object::read::elf::{ElfFile32, ElfFile64, FileHeader, ProgramHeader as _};
use object::read::{Architecture, Object as _, ReadCache, ReadCacheOps};

pub struct Program {
    /// As Rust names it.
    pub architecture: &'static str,
    /// The program that loads the libraries of a dynamic one.
    pub loader: Option<String>,
}

/// The program in `file`, unless its headers cannot be read.
pub fn read(file: File) -> Option<Program> {
    let data = ReadCache::new(file);
    if let Ok(program) = ElfFile64::<object::Endianness, _>::parse(&data) {
        return Some(Program {
            architecture: name_of(program.architecture()),
            loader: loader(program.elf_header(), &data),
        });
    }
    let program = ElfFile32::<object::Endianness, _>::parse(&data).ok()?;
    Some(Program {
        architecture: name_of(program.architecture()),
        loader: loader(program.elf_header(), &data),
    })
}

fn loader<H, R>(header: &H, data: &ReadCache<R>) -> Option<String>
where
    H: FileHeader<Endian = object::Endianness>,
    R: ReadCacheOps,
{
    let endian = header.endian().ok()?;
    let headers = header.program_headers(endian, data).ok()?;
    let found = headers.iter().find(|header| header.p_type(endian) == PT_INTERP)?;
    let name = found.interpreter(endian, data).ok()??;
    Some(String::from_utf8_lossy(name).into_owned())
}

fn name_of(architecture: Architecture) -> &'static str {
    match architecture {
        Architecture::X86_64 => "x86_64",
        Architecture::Aarch64 => "aarch64",
        Architecture::I386 => "x86",
        Architecture::Arm => "arm",
        Architecture::Riscv64 => "riscv64",
        _ => "another processor",
    }
}
