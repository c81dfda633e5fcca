//! The modules of this crate, of the module crate and of the program must not import each other in a circle,
//! so that a reader can begin with modules that import no others.
//!
//! The tests read the sources as text. They compare modules with their siblings: the top-level modules with
//! each other, and in each folder the files and folders directly inside. If `a/x.rs` uses a name of `b/y.rs`,
//! `a` imports `b`. If `a/x.rs` uses a name of `a/z.rs`, `x` imports `z` inside `a`.
//!
//! The tests find every path that begins with `crate::`, `super::` or `self::`, in a `use` or elsewhere, and
//! follow names that a module re-exports. They do not check
//!
//! - code that a macro generates, and methods that are called on a value without naming its type or a trait;
//! - imports between a module and the modules inside it: `mod.rs` and the files of its folder can use each
//!   other;
//! - tests, which can import everything.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::Path;

/// The names on the way from the root of the crate to a module or to something in it.
type Names = Vec<String>;
/// The source of each module.
type Sources = BTreeMap<Names, String>;
/// In each folder: which module imports which of its siblings, and one example of it.
type Imports = BTreeMap<Names, BTreeMap<(String, String), String>>;

#[test]
fn no_modules_import_each_other_in_a_circle() {
    no_circles_in("src");
}

/// Checks that the modules in a folder import each other in one direction only. The path of the folder is
/// relative to this crate.
fn no_circles_in(folder: &str) {
    let imports = imports(&sources_in(folder));
    let top = imports[&Vec::new()].len();
    assert!(top > 20, "only {top} imports between top-level modules were found");
    let circles = circles(&imports);
    assert!(circles.is_empty(), "modules import each other in a circle:\n{}", circles.join("\n"));
}

/// The module crate can only be tested inside a server, so its sources are checked here.
#[test]
fn no_modules_of_the_module_crate_import_each_other_in_a_circle() {
    no_circles_in("../src");
}

#[test]
fn no_modules_of_the_program_import_each_other_in_a_circle() {
    no_circles_in("../console/src");
}

#[test]
fn a_circle_is_found_and_named() {
    let found = |files: &[(&str, &str)]| {
        let names = |path: &str| path.split('/').filter(|name| !name.is_empty()).map(str::to_owned).collect();
        let sources = files.iter().map(|(path, text)| (names(path), (*text).to_owned())).collect();
        circles(&imports(&sources))
    };
    let two = [("", ""), ("a", "use crate::b::B;"), ("b", "fn b() -> crate::a::A { todo() }")];
    assert_eq!(found(&two), ["  crate: a -> b -> a\n    a takes b::B\n    b takes a::A"]);

    let folder = [
        ("", ""),
        ("a", "mod x; mod y; pub(crate) use x::{X, other as Other}; struct Own;"),
        ("a/x", "use super::{Own, y::{self, Y}};"),
        ("a/y", "use super::Own; fn f<'a>(_: &'a super::Other) {}"),
    ];
    assert_eq!(found(&folder), ["  crate::a: x -> y -> x\n    a::x takes a::y\n    a::y takes a::Other"]);

    let handed_on =
        [("", ""), ("a", "pub use crate::b::B;"), ("b", "use crate::c::C;"), ("c", "use crate::a::B;")];
    assert_eq!(found(&handed_on).len(), 2, "{:?}", found(&handed_on));

    let none = [
        ("", ""),
        (
            "a",
            "mod x; use crate::b::B; // crate::c::C\n const T: &str = \"crate::c::C\"; const Q: char = '\"';",
        ),
        ("a/x", "use super::B; use self::own::Thing;"),
        ("b", "/* crate::a::A */ const R: &str = r#\"\" crate::a::A \"#;"),
        ("c", "use crate::a::A;\n#[cfg(test)]\nmod tests {\n use crate::c::C; use crate::d::D; }"),
        ("d", "use crate::c::C;"),
    ];
    assert_eq!(found(&none), <[String; 0]>::default());
}

/// The sources in a folder, which is given from the folder of this crate.
fn sources_in(folder: &str) -> Sources {
    let mut sources = Sources::new();
    read_folder(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut Vec::new(), &mut sources);
    assert!(sources.len() > 50, "only {} modules were found in {folder}", sources.len());
    sources
}

/// Reads the sources in a folder whose modules are inside `module`, without those of tests.
fn read_folder(folder: &Path, module: &mut Names, sources: &mut Sources) {
    for entry in std::fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        if name == "tests" || name.ends_with("_test") {
            continue;
        }
        let is_own = ["lib", "main", "mod"].contains(&name.as_str());
        if !is_own {
            module.push(name);
        }
        if path.is_dir() {
            read_folder(&path, module, sources);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            sources.insert(module.clone(), std::fs::read_to_string(&path).expect("a source"));
        }
        if !is_own {
            module.pop();
        }
    }
}

/// Which modules import which of their siblings.
fn imports(sources: &Sources) -> Imports {
    let paths: BTreeMap<&Names, Vec<Named>> =
        sources.iter().map(|(module, text)| (module, paths(module, &words(text), sources))).collect();
    // The targets of the names that a `use` imports into a module.
    let mut handed_on: BTreeMap<(Names, String), Names> = BTreeMap::new();
    for (module, paths) in &paths {
        for path in paths.iter().filter(|path| path.is_use) {
            handed_on.insert(((*module).clone(), path.name.clone()), path.target.clone());
        }
    }
    let mut imports = Imports::new();
    for (module, paths) in &paths {
        for path in paths {
            for of in modules_on_the_way(&path.target, sources, &handed_on) {
                let common = module.iter().zip(&of).take_while(|(a, b)| a == b).count();
                if let (Some(from), Some(to)) = (module.get(common), of.get(common)) {
                    let example = format!("{} takes {}", module.join("::"), path.target.join("::"));
                    let folder = imports.entry(module[..common].to_vec()).or_default();
                    folder.entry((from.clone(), to.clone())).or_insert(example);
                }
            }
        }
    }
    imports
}

/// Returns the modules in which a name is looked up: the one that the path names, and those that re-export
/// it.
fn modules_on_the_way(
    target: &Names,
    sources: &Sources,
    handed_on: &BTreeMap<(Names, String), Names>,
) -> Vec<Names> {
    let (mut target, mut modules) = (target.clone(), Vec::new());
    // No name is re-exported through more modules than this.
    for _ in 0..8 {
        let depth =
            (0..=target.len()).rev().find(|depth| sources.contains_key(&target[..*depth])).unwrap_or(0);
        let module = target[..depth].to_vec();
        let next = target.get(depth).and_then(|name| handed_on.get(&(module.clone(), name.clone())));
        let rest = target.get(depth + 1..).unwrap_or_default().to_vec();
        modules.push(module);
        match next {
            Some(next) => target = [next.clone(), rest].concat(),
            None => break,
        }
    }
    modules
}

/// A path in a source.
struct Named {
    /// The path from the root of the crate.
    target: Names,
    /// The name in the module that contains the path.
    name: String,
    /// Whether the path is part of a `use`.
    is_use: bool,
}

/// Returns the paths into the crate among the words of a module.
fn paths(module: &Names, words: &[String], sources: &Sources) -> Vec<Named> {
    let mut found = Vec::new();
    for at in 0..words.len() {
        let before = at.checked_sub(1).map_or("", |before| &words[before]);
        let is_use = before == "use";
        let child = [module.as_slice(), &words[at..=at]].concat();
        let starts = match words[at].as_str() {
            "crate" | "super" | "self" => {
                before != "::" && words.get(at + 1).is_some_and(|word| word == "::")
            }
            // A `use` may begin with the name of a module inside.
            _ => is_use && sources.contains_key(&child),
        };
        if starts {
            tree(words, &mut { at }, Vec::new(), &mut |names, name| {
                found.push(Named { target: absolute(module, names), name, is_use });
            });
        }
    }
    found
}

/// Reads a path, which may branch in braces, from `at` on, and hands over each name at its ends.
fn tree(words: &[String], at: &mut usize, mut names: Names, hand_over: &mut impl FnMut(Names, String)) {
    let word = |at: usize| words.get(at).map_or("", String::as_str);
    loop {
        if word(*at) == "{" {
            *at += 1;
            while !["}", ""].contains(&word(*at)) {
                tree(words, at, names.clone(), hand_over);
                *at += usize::from(word(*at) == ",");
            }
            *at += 1;
            return;
        }
        match word(*at) {
            // In braces: the module itself.
            "self" if !names.is_empty() => {}
            name => names.push(name.to_owned()),
        }
        *at += 1;
        if word(*at) != "::" {
            break;
        }
        *at += 1;
    }
    let mut name = names.last().cloned().unwrap_or_default();
    if word(*at) == "as" {
        word(*at + 1).clone_into(&mut name);
        *at += 2;
    }
    hand_over(names, name);
}

/// The names from the root of the crate to what a module calls so.
fn absolute(module: &Names, names: Names) -> Names {
    let mut target = if names[0] == "crate" { Vec::new() } else { module.clone() };
    for name in names {
        match name.as_str() {
            "crate" | "self" => {}
            "super" => drop(target.pop()),
            _ => target.push(name),
        }
    }
    target
}

/// Returns the words of a source: names, `::` and single other characters, without comments, texts and the
/// tests at its end.
fn words(source: &str) -> Vec<String> {
    let source = source.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let (mut rest, mut words) = (source, Vec::new());
    while let Some(first) = rest.chars().next() {
        let is_name = |c: char| c.is_alphanumeric() || c == '_';
        let length = match first {
            _ if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            _ if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |at| at + 2),
            _ if rest.starts_with("::") => 2,
            _ if rest.starts_with("r#\"") || rest.starts_with("br#\"") => {
                rest.find("\"#").map_or(rest.len(), |at| at + 2)
            }
            '"' => text_length(rest, '"'),
            // A character, or the name of a lifetime.
            '\'' if rest[1..].starts_with('\\') || rest[1..].chars().nth(1) == Some('\'') => {
                text_length(rest, '\'')
            }
            _ if is_name(first) => rest.find(|c| !is_name(c)).unwrap_or(rest.len()),
            _ => first.len_utf8(),
        };
        let (word, after) = rest.split_at(length);
        if word == "::" || is_name(first) && !word.contains('"') || "{},*;".contains(first) {
            words.push(word.to_owned());
        }
        rest = after;
    }
    words
}

/// The length of a text in quotes, which may hold escaped ones.
fn text_length(text: &str, quote: char) -> usize {
    let mut escaped = false;
    let end = text[1..].char_indices().find(|(_, c)| {
        let is_end = *c == quote && !escaped;
        escaped = *c == '\\' && !escaped;
        is_end
    });
    end.map_or(text.len(), |(at, _)| 1 + at + 1)
}

/// The shortest circle through each import that is in one, each circle once, with an example of each import.
fn circles(imports: &Imports) -> Vec<String> {
    let mut circles = Vec::new();
    for (folder, edges) in imports {
        let mut seen = BTreeSet::new();
        for (from, to) in edges.keys() {
            let Some(mut circle) = shortest_way(edges, to, from) else { continue };
            // From the module whose name comes first, so that the same circle is the same list.
            let first = circle.iter().enumerate().min_by_key(|(_, name)| *name).map_or(0, |(at, _)| at);
            circle.rotate_left(first);
            if seen.insert(circle.clone()) {
                let place = [&["crate".to_owned()], folder.as_slice()].concat().join("::");
                let next = circle.iter().cycle().skip(1);
                let examples: String = circle
                    .iter()
                    .zip(next)
                    .map(|(from, to)| format!("\n    {}", edges[&(from.clone(), to.clone())]))
                    .collect();
                circles.push(format!("  {place}: {} -> {}{examples}", circle.join(" -> "), circle[0]));
            }
        }
    }
    circles
}

/// The modules from `from` to `to`, both included, along imports.
fn shortest_way(edges: &BTreeMap<(String, String), String>, from: &str, to: &str) -> Option<Names> {
    let mut ways = VecDeque::from([vec![from.to_owned()]]);
    let mut met = BTreeSet::from([from.to_owned()]);
    while let Some(way) = ways.pop_front() {
        let last = way.last()?;
        if last == to {
            return Some(way);
        }
        for (_, next) in edges.keys().filter(|(from, _)| from == last) {
            if met.insert(next.clone()) {
                ways.push_back([way.as_slice(), std::slice::from_ref(next)].concat());
            }
        }
    }
    None
}
