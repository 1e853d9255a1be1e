//! The library's public surface is what tests/surface.txt says. It is read from the sources, so that what is
//! behind a feature is in it whatever this build has. What the reader does not know panics, so as not to lose it.

use quote::{ToTokens, format_ident, quote};
use std::collections::{BTreeMap, VecDeque};
use std::{env, fs, mem};
use syn::visit_mut::{self, VisitMut};
use syn::{
    Attribute, Block, Field, Fields, Ident, ImplItem, ImplItemFn, Item, ItemEnum, ItemFn, ItemImpl,
    ItemStruct, ItemTrait, PatIdent, Path, Receiver, TraitItem, TypePath, UseTree, Visibility, parse_file,
    parse_quote, parse_str,
};

/// Free functions and inherent methods that a build without features has.
const MAX_FUNCTIONS: usize = 68;

const HEADING: &str = "// What users can name; `make surface` writes it. Paths begin at the crate's root.\n\
    // `..` stands for private fields, `{}` behind a trait's method for its default.\n\n";

/// The attributes that concern users.
const ATTRIBUTES: [&str; 6] = ["cfg", "deprecated", "derive", "must_use", "non_exhaustive", "repr"];

/// The text of a file below `src`.
type Read<'a> = &'a dyn Fn(&str) -> Option<String>;

/// What a path leads to: a module, an item by its place among all, or something of another crate.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Thing {
    Module(String),
    Item(usize),
    Outside(String),
}

/// A name in a module, with what stands for it. Of a `use`, that is its path until it is resolved.
#[derive(Clone, PartialEq)]
struct Name {
    name: String,
    thing: Thing,
    cfgs: Vec<Attribute>,
    is_public: bool,
}

#[derive(Default)]
struct Library {
    /// With the module that each is in, and its `cfg`s, those of the modules around it too.
    items: Vec<(String, Item, Vec<Attribute>)>,
    imports: Vec<(String, Name)>,
    scopes: BTreeMap<String, Vec<Name>>,
    /// The shortest path under which users find a thing.
    exports: BTreeMap<Thing, String>,
}

impl Library {
    fn of(read: Read) -> Library {
        let mut library = Library::default();
        library.load(read, "", parse_file(&read("lib.rs").expect("lib.rs")).expect("lib.rs").items, &[]);
        // A name that no module has may yet be imported; only once all imports are followed is it another crate's.
        for has_all in [false, true] {
            while library.follow_imports(has_all) {}
        }
        for scope in library.scopes.values_mut() {
            scope.sort_by(|one, other| (&one.name, &one.thing).cmp(&(&other.name, &other.thing)));
        }
        library.export();
        library
    }

    fn load(&mut self, read: Read, module: &str, items: Vec<Item>, around: &[Attribute]) {
        let mut scope = Vec::new();
        for mut item in items {
            let Some((ident, is_public, attrs)) = parts(&mut item) else { continue };
            if !is_there(attrs) {
                continue;
            }
            let (name, cfgs) = (ident.map(|it| it.to_string()).unwrap_or_default(), union(around, attrs));
            let is_public = is_public && !is_hidden(attrs);
            let mut thing = Thing::Item(self.items.len());
            if let Item::Use(it) = &item {
                let start = if it.leading_colon.is_some() { "::" } else { "" };
                let leaves = leaves(&it.tree, start).into_iter().map(|(name, path)| {
                    let import = Name { name, thing: Thing::Outside(path), cfgs: cfgs.clone(), is_public };
                    (module.to_owned(), import)
                });
                self.imports.extend(leaves);
                continue;
            } else if let Item::Mod(it) = &mut item {
                let inner = join(module, &name);
                let stem = inner.replace("::", "/");
                let items = it.content.take().map(|(_, items)| items).unwrap_or_else(|| {
                    let text = read(&format!("{stem}.rs")).or_else(|| read(&format!("{stem}/mod.rs")));
                    parse_file(&text.unwrap_or_else(|| panic!("{inner} has no file"))).expect(&inner).items
                });
                self.load(read, &inner, items, &cfgs);
                thing = Thing::Module(inner);
            } else {
                self.items.push((module.to_owned(), item, cfgs.clone()));
            }
            scope.extend((!name.is_empty()).then_some(Name { name, thing, cfgs, is_public }));
        }
        assert!(self.scopes.insert(module.to_owned(), scope).is_none(), "there are two modules {module}");
    }

    /// Gives the modules the names that they import; whether there was any.
    fn follow_imports(&mut self, has_all: bool) -> bool {
        let mut new = Vec::new();
        for (module, import) in &self.imports {
            let Thing::Outside(path) = &import.thing else { continue };
            let found = self.resolve(module, path);
            assert!(!(found.is_empty() && has_all && import.is_public), "{path} leads nowhere");
            for found in found {
                let names = match &found.thing {
                    Thing::Outside(_) if !has_all => continue,
                    Thing::Module(inner) if import.name == "*" => self.scopes[inner].clone(),
                    _ => vec![Name { name: import.name.clone(), ..found.clone() }],
                };
                for it in names.into_iter().filter(|it| it.is_public || import.name != "*") {
                    let cfgs = union(&union(&import.cfgs, &found.cfgs), &it.cfgs);
                    let it = Name { cfgs, is_public: import.is_public && it.is_public, ..it };
                    new.extend((!self.scopes[module].contains(&it)).then(|| (module.clone(), it)));
                }
            }
        }
        let has_new = !new.is_empty();
        new.into_iter().for_each(|(module, it)| self.scopes.entry(module).or_default().push(it));
        has_new
    }

    /// What a path in a module leads to, in all namespaces. One that begins nowhere here is another crate's.
    fn resolve(&self, module: &str, path: &str) -> Vec<Name> {
        let to = |thing| vec![Name { name: String::new(), thing, cfgs: Vec::new(), is_public: true }];
        let mut found = to(Thing::Module(module.to_owned()));
        for (at, name) in path.split("::").enumerate() {
            let step = |from: Name| match from.thing {
                Thing::Module(_) if name == "crate" => to(Thing::Module(String::new())),
                Thing::Module(it) if name == "self" => to(Thing::Module(it)),
                Thing::Module(it) if name == "super" => to(Thing::Module(parent(&it).to_owned())),
                Thing::Module(it) => self.scopes[&it].iter().filter(|it| it.name == name).cloned().collect(),
                Thing::Outside(it) => to(Thing::Outside(join(&it, name))),
                Thing::Item(_) => Vec::new(),
            };
            found = found.into_iter().flat_map(step).collect();
            // `anyhow::Result` is the crate's, also after `use anyhow::anyhow`.
            let is_in_it =
                |it: &Thing| matches!(it, Thing::Outside(it) if it.split("::").next() == Some(name));
            found.retain(|it| at > 0 || !is_in_it(&it.thing));
            if at == 0 && found.is_empty() {
                return to(Thing::Outside(path.to_owned()));
            }
        }
        found
    }

    fn offers(&self, module: &str) -> impl Iterator<Item = &Name> {
        self.scopes[module].iter().filter(|it| it.is_public)
    }

    fn export(&mut self) {
        let mut next = VecDeque::from([(String::new(), String::new())]);
        while let Some((public, module)) = next.pop_front() {
            let offers: Vec<Name> = self.offers(&module).cloned().collect();
            for Name { name, thing, .. } in offers {
                let path = join(&public, &name);
                if !self.exports.contains_key(&thing) {
                    self.exports.insert(thing.clone(), path.clone());
                    if let Thing::Module(inner) = thing {
                        next.push_back((path, inner));
                    }
                }
            }
        }
    }

    /// All that a module offers, as text.
    fn print(&self, public: &str, module: &str, around: &[Attribute]) -> String {
        let print = |Name { name, thing, cfgs, .. }: &Name| {
            let (path, cfgs, name) = (join(public, name), union(around, cfgs), format_ident!("{name}"));
            let first = if let Thing::Outside(first) = thing { first } else { &self.exports[thing] };
            match thing {
                Thing::Module(module) if *first == path => {
                    let inner =
                        self.print(&path, module, &cfgs).replace('\n', "\n    ").replace("    \n", "\n");
                    let module = text(&[parse_quote!(#(#cfgs)* pub mod #name {})]);
                    module.replace("{}", &format!("{{\n    {}\n}}", inner.trim_end()))
                }
                Thing::Item(at) if *first == path => {
                    let (module, mut item, _) = self.items[*at].clone();
                    if let Some((Some(ident), _, attrs)) = parts(&mut item) {
                        *ident = name;
                        set_cfgs(attrs, cfgs);
                    }
                    View { library: self, module: &module, ours: Vec::new() }.visit_item_mut(&mut item);
                    if let Item::Fn(ItemFn { attrs, sig, .. }) = item {
                        item = Item::Verbatim(quote!(#(#attrs)* pub #sig;));
                    }
                    let blocks = self.blocks(thing).into_values().map(Item::Impl);
                    text(&[item].into_iter().chain(blocks).collect::<Vec<_>>())
                }
                _ => {
                    let first: Path = parse_str(first).expect("a path");
                    text(&[parse_quote!(#(#cfgs)* pub use #first as #name;)])
                }
            }
        };
        self.offers(module).map(print).collect::<Vec<_>>().join("\n")
    }

    /// The `impl`s of a type or trait, its own first, of which users can name all that is of this crate.
    fn blocks(&self, owner: &Thing) -> BTreeMap<(bool, String), ItemImpl> {
        let mut blocks: BTreeMap<(bool, String), ItemImpl> = BTreeMap::new();
        for (module, item, cfgs) in &self.items {
            let Item::Impl(it) = item else { continue };
            let mut it = it.clone();
            let (mut items, of_trait) = (mem::take(&mut it.items), it.trait_.is_some());
            let mut view = View { library: self, module, ours: Vec::new() };
            view.visit_generics_mut(&mut it.generics);
            view.ours.clear();
            view.visit_type_mut(&mut it.self_ty);
            it.trait_.iter_mut().for_each(|(path, _)| view.visit_path_mut(path));
            let is_known = view.ours.iter().all(|it| self.exports.contains_key(it)) && !is_hidden(&it.attrs);
            if !is_known || view.ours.first() != Some(owner) {
                continue;
            }
            items.retain_mut(|item| {
                let (attrs, is_shown) = match item {
                    ImplItem::Fn(it) => (&mut it.attrs, is_pub(&it.vis)),
                    ImplItem::Const(it) => (&mut it.attrs, is_pub(&it.vis)),
                    ImplItem::Type(it) => (&mut it.attrs, of_trait),
                    other => panic!("in an impl: {}", other.to_token_stream()),
                };
                let is_shown = is_shown && is_seen(attrs);
                set_cfgs(attrs, union(cfgs, attrs));
                view.visit_impl_item_mut(item);
                if let ImplItem::Fn(ImplItemFn { attrs, sig, .. }) = item {
                    *item = ImplItem::Verbatim(quote!(#(#attrs)* pub #sig;));
                }
                is_shown
            });
            it.attrs = if of_trait { cfgs.clone() } else { Vec::new() };
            if of_trait || !items.is_empty() {
                let block = blocks.entry((of_trait, it.to_token_stream().to_string())).or_insert(it);
                block.items.extend(items);
                block.items.sort_by_cached_key(|item| item.to_token_stream().to_string());
            }
        }
        blocks
    }
}

/// Makes of an item what its users see: paths as they know them, whatever the file imports, and no bodies.
struct View<'a> {
    library: &'a Library,
    module: &'a str,
    /// What of this crate was named.
    ours: Vec<Thing>,
}

impl VisitMut for View<'_> {
    fn visit_path_mut(&mut self, path: &mut Path) {
        let names: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        let longest = if path.leading_colon.is_some() { 0 } else { names.len() };
        let known = (1..=longest).rev().find_map(|length| {
            let found = self.library.resolve(self.module, &names[..length].join("::"));
            let thing = found.into_iter().map(|it| it.thing).find(|it| !matches!(it, Thing::Module(_)))?;
            let full = match &thing {
                Thing::Item(at) => self.library.exports.get(&thing).cloned().unwrap_or_else(|| {
                    format!("crate::{}", join(&self.library.items[*at].0, &names[length - 1]))
                }),
                Thing::Module(path) | Thing::Outside(path) => path.clone(),
            };
            self.ours.extend(matches!(thing, Thing::Item(_)).then_some(thing));
            Some((length, parse_str::<Path>(&full).expect("a path")))
        });
        if let Some((length, mut full)) = known {
            let mut rest = mem::take(&mut path.segments).into_iter().skip(length - 1);
            if let (Some(last), Some(old)) = (full.segments.last_mut(), rest.next()) {
                last.arguments = old.arguments;
            }
            full.segments.extend(rest);
            *path = full;
        }
        visit_mut::visit_path_mut(self, path);
    }

    /// The trait in `<T as Trait>::Type` may now be a longer path.
    fn visit_type_path_mut(&mut self, it: &mut TypePath) {
        let before = it.path.segments.len();
        visit_mut::visit_type_path_mut(self, it);
        if let Some(qself) = it.qself.as_mut().filter(|qself| qself.position > 0) {
            qself.position = qself.position + it.path.segments.len() - before;
        }
    }

    fn visit_attributes_mut(&mut self, attrs: &mut Vec<Attribute>) {
        attrs.retain(|attr| ATTRIBUTES.iter().any(|name| attr.path().is_ident(name)));
    }

    fn visit_block_mut(&mut self, block: &mut Block) {
        block.stmts.clear();
    }

    // Whether a function changes what it was given is not its caller's business.
    fn visit_pat_ident_mut(&mut self, it: &mut PatIdent) {
        it.mutability = None;
    }

    fn visit_receiver_mut(&mut self, it: &mut Receiver) {
        it.mutability = None;
        visit_mut::visit_receiver_mut(self, it);
    }

    fn visit_item_struct_mut(&mut self, it: &mut ItemStruct) {
        match &mut it.fields {
            Fields::Named(it) if !it.named.iter().all(is_shown) => {
                it.named = mem::take(&mut it.named).into_iter().filter(is_shown).collect();
                it.named.push(parse_quote!(__: ()));
            }
            Fields::Unnamed(it) => {
                it.unnamed.iter_mut().filter(|it| !is_shown(it)).for_each(|it| *it = parse_quote!(_))
            }
            _ => {}
        }
        visit_mut::visit_item_struct_mut(self, it);
    }

    fn visit_item_enum_mut(&mut self, it: &mut ItemEnum) {
        it.variants = mem::take(&mut it.variants).into_iter().filter(|it| is_seen(&it.attrs)).collect();
        visit_mut::visit_item_enum_mut(self, it);
    }

    fn visit_item_trait_mut(&mut self, it: &mut ItemTrait) {
        it.items.retain(|item| !matches!(item, TraitItem::Fn(it) if !is_seen(&it.attrs)));
        visit_mut::visit_item_trait_mut(self, it);
        it.items.sort_by_cached_key(|item| item.to_token_stream().to_string());
    }
}

/// Name, whether it is `pub`, and attributes. `None` for what brings nothing that is public.
fn parts(item: &mut Item) -> Option<(Option<&mut Ident>, bool, &mut Vec<Attribute>)> {
    let is_exported = |attrs: &[Attribute]| attrs.iter().any(|it| it.path().is_ident("macro_export"));
    let (ident, vis, attrs) = match item {
        Item::Const(it) => (&mut it.ident, &it.vis, &mut it.attrs),
        Item::Enum(it) => (&mut it.ident, &it.vis, &mut it.attrs),
        Item::Fn(it) => (&mut it.sig.ident, &it.vis, &mut it.attrs),
        Item::Mod(it) => (&mut it.ident, &it.vis, &mut it.attrs),
        Item::Static(it) => (&mut it.ident, &it.vis, &mut it.attrs),
        Item::Struct(it) => (&mut it.ident, &it.vis, &mut it.attrs),
        Item::Trait(it) => (&mut it.ident, &it.vis, &mut it.attrs),
        Item::Type(it) => (&mut it.ident, &it.vis, &mut it.attrs),
        Item::Impl(it) => return Some((None, false, &mut it.attrs)),
        Item::Use(it) => return Some((None, is_pub(&it.vis), &mut it.attrs)),
        Item::Macro(it) if it.ident.is_some() && !is_exported(&it.attrs) => return None,
        Item::Macro(it) if it.mac.path.is_ident("thread_local") => return None,
        other => panic!("{}", other.to_token_stream()),
    };
    Some((Some(ident), is_pub(vis), attrs))
}

/// Each name that a `use` brings in, `*` for all, with its path.
fn leaves(tree: &UseTree, path: &str) -> Vec<(String, String)> {
    let (ident, name) = match tree {
        UseTree::Path(it) => return leaves(&it.tree, &join(path, &it.ident.to_string())),
        UseTree::Group(it) => return it.items.iter().flat_map(|tree| leaves(tree, path)).collect(),
        UseTree::Glob(_) => return vec![("*".to_owned(), path.to_owned())],
        UseTree::Name(it) => (&it.ident, &it.ident),
        UseTree::Rename(it) => (&it.ident, &it.rename),
    };
    let path = if ident == "self" { path.to_owned() } else { join(path, &ident.to_string()) };
    let name = if name == "self" { path.rsplit("::").next().unwrap_or_default() } else { &name.to_string() };
    vec![(name.to_owned(), path)]
}

/// Whether users ever have what has these attributes. A `cfg` with a `not` is theirs to judge.
fn is_there(attrs: &[Attribute]) -> bool {
    attrs.iter().filter(|it| it.path().is_ident("cfg")).all(|cfg| {
        let text = cfg.to_token_stream().to_string();
        let mut words = text.split(|c: char| !(c.is_alphanumeric() || "_\"-".contains(c)));
        text.contains("not (") || !words.any(|word| ["test", "fuzzing", "\"internals\""].contains(&word))
    })
}

fn is_hidden(attrs: &[Attribute]) -> bool {
    let mut lists = attrs.iter().filter_map(|it| it.meta.require_list().ok());
    lists.any(|it| it.path.is_ident("doc") && it.tokens.to_string().contains("hidden"))
}

fn is_seen(attrs: &[Attribute]) -> bool {
    is_there(attrs) && !is_hidden(attrs)
}

fn is_pub(vis: &Visibility) -> bool {
    matches!(vis, Visibility::Public(_))
}

fn is_shown(field: &Field) -> bool {
    is_pub(&field.vis) && is_seen(&field.attrs)
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() || path == "::" { format!("{path}{name}") } else { format!("{path}::{name}") }
}

fn parent(path: &str) -> &str {
    path.rsplit_once("::").map_or("", |(parent, _)| parent)
}

/// `cfgs`, and those among `attrs` that are not in it.
fn union(cfgs: &[Attribute], attrs: &[Attribute]) -> Vec<Attribute> {
    let more = attrs.iter().filter(|it| it.path().is_ident("cfg") && !cfgs.contains(it));
    cfgs.iter().chain(more).cloned().collect()
}

fn set_cfgs(attrs: &mut Vec<Attribute>, cfgs: Vec<Attribute>) {
    attrs.retain(|it| !it.path().is_ident("cfg"));
    attrs.splice(0..0, cfgs);
}

fn text(items: &[Item]) -> String {
    prettyplease::unparse(&parse_quote!(#(#items)*)).replace("__: (),", "..")
}

fn surface() -> String {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    HEADING.to_owned() + &Library::of(&|path| fs::read_to_string(root.join(path)).ok()).print("", "", &[])
}

/// How many functions a surface has without features.
fn count(surface: &str) -> usize {
    let lines = surface.lines().map(str::trim_start);
    let lines: Vec<_> = lines.filter(|line| !line.starts_with("#[") || line.contains("feature")).collect();
    let is_function =
        |line: &str| line.starts_with("pub ") && line.split('(').next().unwrap_or_default().contains("fn ");
    lines.windows(2).filter(|it| is_function(it[1]) && !it[0].starts_with("#[")).count()
}

/// Each line behind those that it is in.
fn lines(text: &str) -> Vec<String> {
    let (mut around, mut lines): (Vec<&str>, Vec<String>) = (Vec::new(), Vec::new());
    for line in text.lines().filter(|line| !line.is_empty()) {
        around.truncate((line.len() - line.trim_start().len()) / 4);
        around.push(line.trim_start());
        lines.push(around.join(" "));
    }
    lines
}

/// What no text shows: a change of a private field can take it away.
#[test]
fn what_goes_from_thread_to_thread_may_do_so() {
    fn is_shared<T: Send + Sync>() {}
    fn is_sent<T: Send>() {}
    is_shared::<fc_runtime::Running>();
    is_shared::<fc_runtime::Server>();
    is_shared::<fc_runtime::ServerConfig>();
    is_shared::<fc_runtime::Error>();
    is_shared::<fc_runtime::StatusError>();
    is_shared::<fc_runtime::Context>();
    is_shared::<fc_runtime::testing::Call>();
    is_shared::<fc_runtime::testing::Collected>();
    is_sent::<fc_runtime::Response>();
}

#[test]
fn the_public_surface_is_what_its_text_says() {
    let (file, new) = (concat!(env!("CARGO_MANIFEST_DIR"), "/tests/surface.txt"), surface());
    if env::var_os("WRITE_SURFACE").is_some() {
        fs::write(file, &new).expect("tests/surface.txt can be written");
    }
    let old = fs::read_to_string(file).expect("tests/surface.txt");
    let (old_lines, new_lines) = (lines(&old), lines(&new));
    let missing = old_lines.iter().filter(|line| !new_lines.contains(line)).map(|line| format!("- {line}\n"));
    let added = new_lines.iter().filter(|line| !old_lines.contains(line)).map(|line| format!("+ {line}\n"));
    let advice = "if this change is meant, `make surface` writes it and CHANGELOG.md tells of it";
    assert!(
        old == new,
        "the public surface is another:\n{}{advice}",
        missing.chain(added).collect::<String>()
    );
}

#[test]
fn the_public_functions_are_few() {
    let count = count(&surface());
    assert!(count <= MAX_FUNCTIONS, "{count} public functions, more than {MAX_FUNCTIONS}");
}

/// A library of five files.
const SOURCES: &str = r#"
// lib.rs
mod a;
mod face;
#[cfg(test)]
mod tests;
#[doc(hidden)]
pub fn hidden() {}
#[cfg(any(test, feature = "internals"))]
pub mod internals {}
pub use a::{One as Uno, Trait, serve};
pub use face::{Two, deep::Deep, tools};
#[cfg(feature = "more")]
pub use crate::face::more;
// a.rs
use crate::face::Two as Other;
use anyhow::anyhow;
use std::{fmt, io::{self, Read}};
/// Docs are not in the text.
#[derive(Clone)]
pub struct One<'a> { pub name: &'a str, #[doc(hidden)] pub hidden: u8, private: u8 }
struct Private;
pub trait Trait: Sized {
    fn with(&mut self) -> io::Result<Other> { Err(1) }
    fn a(mut self, #[allow(unused)] mut two: Other);
}
impl<T: fmt::Debug> Trait for Vec<T> { fn a(self, two: Other) {} }
impl Read for One<'_> { fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> { Ok(0) } }
impl From<Private> for One<'_> { fn from(_: Private) -> Self { panic!() } }
impl Iterator for Private { type Item = u8; }
impl Iterator for One<'_> { type Item = Other; fn next(&mut self) -> Option<Other> { None } }
#[inline]
pub const fn serve<F: Trait>() -> anyhow::Result<<F as io::Seek>::Item> where F: Read { panic!() }
// face/mod.rs
mod two;
pub mod deep;
#[cfg(feature = "more")]
pub mod more { #[cfg(not(test))] pub const MOST: usize = 1; pub(crate) fn not() {} pub fn init() {} }
pub mod tools { pub use super::deep::Deep; pub use std::io::Error as Failure; pub fn one() {} }
pub use two::*;
// face/two.rs
#[non_exhaustive]
pub enum Two { #[default] One, Deep { deep: super::tools::Deep }, #[doc(hidden)] Hidden }
impl Two { pub(crate) fn not() {} pub fn z(self) -> Self { self } pub const A: u8 = 0; }
// face/deep.rs
pub struct Deep(pub u8, u8);
pub(crate) struct Two;
impl Two { pub fn of_another() {} }
impl super::Two { #[cfg(feature = "more")] pub fn b(&self) {} fn not() {} #[doc(hidden)] pub fn hidden() {} }
"#;

const SURFACE: &str = r#"pub struct Deep(pub u8, _);

pub trait Trait: Sized {
    fn a(self, two: Two);
    fn with(&mut self) -> std::io::Result<Two> {}
}
impl<T: std::fmt::Debug> Trait for Vec<T> {}

#[non_exhaustive]
pub enum Two {
    One,
    Deep { deep: Deep },
}
impl Two {
    #[cfg(feature = "more")]
    pub fn b(&self);
    pub const A: u8 = 0;
    pub fn z(self) -> Self;
}

#[derive(Clone)]
pub struct Uno<'a> {
    pub name: &'a str,
    ..
}
impl Iterator for Uno<'_> {
    type Item = Two;
}
impl std::io::Read for Uno<'_> {}

#[cfg(feature = "more")]
pub mod more {
    #[cfg(feature = "more")]
    #[cfg(not(test))]
    pub const MOST: usize = 1;

    #[cfg(feature = "more")]
    pub fn init();
}

pub const fn serve<F: Trait>() -> anyhow::Result<<F as std::io::Seek>::Item>
where
    F: std::io::Read;

pub mod tools {
    pub use Deep as Deep;

    pub use std::io::Error as Failure;

    pub fn one();
}
"#;

#[test]
fn the_reader_finds_what_is_public_and_nothing_else() {
    let file =
        |path: &str| Some(SOURCES.split_once(&format!("// {path}\n"))?.1.split("\n// ").next()?.to_owned());
    let surface = Library::of(&file).print("", "", &[]);
    assert_eq!(surface, SURFACE);
    assert_eq!(count(&surface), 3);
}

#[test]
fn a_changed_line_is_shown_with_what_it_is_in() {
    let line = lines(SURFACE).into_iter().find(|line| line.ends_with("init();"));
    assert_eq!(line.as_deref(), Some("pub mod more { pub fn init();"));
}
