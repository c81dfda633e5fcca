//! The modules of the program do not import each other in a circle, so each can be read after the modules that it imports.
//!
//! The sources are read as text. A file takes from another one where a path names something in it: after `use`, or in the
//! code, also inside `html!`. A parent and its child are two files like any others: a child that takes something from
//! `mod.rs`, which calls the child, makes a circle.

use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::path::Path;

use qadmin_harness::workspace_root;

/// A module's path below the crate's root, which is empty: `["serve", "app"]`.
type Module = Vec<String>;

/// For each module, the modules that it imports, with one of the imported names.
type Edges = BTreeMap<Module, BTreeMap<Module, String>>;

#[test]
fn no_modules_import_each_other_in_a_circle() {
    let mut sources = BTreeMap::new();
    read(&workspace_root().join("console/src"), &Vec::new(), &mut sources);
    let edges = edges(&sources);
    // The parser finds imports in every form.
    for (from, to) in [
        ("serve::app", "serve::session"),
        ("serve::pages::preview", "serve::pages::layout"),
        ("commands", "serve"),
        ("commands", "commands::clear"),
        ("serve::login", "serve::pages::login"),
        ("serve::guard", "serve::params"),
    ] {
        assert!(edges[&module(from)].contains_key(&module(to)), "{from} takes from {to}");
    }
    assert_eq!(circle(&edges), None);
}

#[test]
fn a_circle_is_named_with_what_ties_it() {
    let of = |sources: &[(&str, &str)]| {
        let sources = sources.iter().map(|(name, text)| (module(name), (*text).to_owned()));
        circle(&edges(&sources.collect()))
    };
    let root = ("", "mod a;\nmod b;\nfn main() { a::run(); }");
    let all = [root, ("a", "use crate::b::{self, c::{D as E, F}};\nmod x;"), ("b", "mod c;"), ("b::c", "")];
    assert_eq!(of(&all), None);
    let tied = |text: &'static str| {
        of(&[root, ("a", "use crate::b::c;\nfn f() { c::g() }"), ("b::c", text), ("b", "")])
    };
    let named = Some("a takes c::g from b::c; b::c takes crate::a::T from a".to_owned());
    assert_eq!(tied("use crate::a::T;"), named);
    assert_eq!(tied("fn f(_: crate::a::T) {}"), named);
    assert_eq!(tied("use super::super::a::T;").map(|words| words.contains("b::c; b::c takes")), Some(true));
    assert!(tied("use {crate::{a}};\nfn f() -> Markup { html! { (a::T) } }").is_some());
    // Comments, imports of tests, and unused module names do not count.
    for text in [
        "// use crate::a::T;",
        "/* use crate::a::T; */ fn f() -> &'static str { \"use crate::a::T; \\\" crate::a::T\" }",
        "#[cfg(test)]\nmod tests {\n    use crate::a::T;\n}",
        "use crate::a;",
    ] {
        assert_eq!(tied(text), None, "{text}");
    }
    let child =
        of(&[("", ""), ("a", "mod b;\nconst X: u8 = 1;\nfn f() { b::g() }"), ("a::b", "use super::X;")]);
    assert_eq!(child, Some("a takes b::g from a::b; a::b takes super::X from a".to_owned()));
}

fn module(name: &str) -> Module {
    name.split("::").filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

/// The sources of a folder, by module.
fn read(folder: &Path, parent: &Module, sources: &mut BTreeMap<Module, String>) {
    for entry in fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        let stem = path.file_stem().and_then(|stem| stem.to_str()).expect("a name").to_owned();
        let mut module = parent.clone();
        if path.is_dir() {
            module.push(stem);
            read(&path, &module, sources);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            if stem != "mod" && stem != "main" {
                module.push(stem);
            }
            sources.insert(module, fs::read_to_string(&path).expect("a source"));
        }
    }
}

fn edges(sources: &BTreeMap<Module, String>) -> Edges {
    let mut edges = Edges::new();
    for (module, source) in sources {
        let tokens = tokens(source);
        // Names that `use` gives to modules. A module that is named there is taken from where that name is used.
        let mut aliases: BTreeMap<String, Module> = BTreeMap::new();
        let mut paths = Vec::new();
        let mut at = 0;
        while at < tokens.len() {
            if tokens[at] == "use" {
                at = imported(&tokens, at + 1, &[], &mut |path, alias| {
                    match resolve(sources, module, &BTreeMap::new(), path) {
                        Some((target, 0)) => drop(aliases.insert(alias.to_owned(), target)),
                        Some(_) => paths.push(path.to_vec()),
                        // Paths into other crates do not count.
                        None => {}
                    }
                });
            } else if tokens.get(at + 1).is_some_and(|next| next == "::") {
                let mut path = vec![tokens[at].clone()];
                while tokens.get(at + 1).is_some_and(|next| next == "::") {
                    path.extend(tokens.get(at + 2).filter(|token| is_name(token)).cloned());
                    at += 2;
                }
                paths.push(path);
            }
            at += 1;
        }
        let taken = edges.entry(module.clone()).or_default();
        for path in paths {
            if let Some((target, _)) = resolve(sources, module, &aliases, &path)
                && target != *module
            {
                taken.entry(target).or_insert_with(|| path.join("::"));
            }
        }
    }
    edges
}

/// Reads the paths after `use` or within its braces, from `at`, and reports each with its name. Returns the position after
/// them.
fn imported(
    tokens: &[String],
    mut at: usize,
    before: &[String],
    tell: &mut impl FnMut(&[String], &str),
) -> usize {
    loop {
        let mut path = before.to_vec();
        let mut alias = None;
        let mut is_group = false;
        while let Some(token) = tokens.get(at) {
            match token.as_str() {
                "{" => {
                    at = imported(tokens, at + 1, &path, tell);
                    is_group = true;
                }
                "as" => alias = tokens.get(at + 1).cloned(),
                "," | ";" | "}" => break,
                "self" if !path.is_empty() => {}
                name if alias.is_none() && (is_name(name) || name == "*") => path.push(name.to_owned()),
                _ => {}
            }
            at += 1;
        }
        if !is_group && !path.is_empty() {
            let alias = alias.or_else(|| path.last().cloned()).unwrap_or_default();
            tell(&path, &alias);
        }
        match tokens.get(at).map(String::as_str) {
            Some(",") => at += 1,
            // The caller continues after the brace or the semicolon.
            _ => return at,
        }
    }
}

/// The module that a path leads to from within another one, and how many words of the path are left for a name in it.
/// `None`: a path into another crate, or to a type of this file.
fn resolve(
    sources: &BTreeMap<Module, String>,
    from: &Module,
    aliases: &BTreeMap<String, Module>,
    path: &[String],
) -> Option<(Module, usize)> {
    let mut words = path.iter();
    let first = words.next()?;
    let mut module = match first.as_str() {
        "crate" => Module::new(),
        "self" => from.clone(),
        "super" => from.split_last()?.1.to_vec(),
        name => match aliases.get(name) {
            Some(module) => module.clone(),
            None => {
                let child = [from.as_slice(), &[name.to_owned()]].concat();
                sources.contains_key(&child).then_some(child)?
            }
        },
    };
    while let Some(word) = words.as_slice().first() {
        if word == "super" {
            module.pop();
        } else {
            let child = [module.as_slice(), std::slice::from_ref(word)].concat();
            if !sources.contains_key(&child) {
                break;
            }
            module = child;
        }
        words.next();
    }
    Some((module, words.len()))
}

fn is_name(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// Words and punctuation of a source without comments, string literals and its tests, which are at its end.
fn tokens(source: &str) -> Vec<String> {
    let source = source.split("#[cfg(test)]").next().unwrap_or_default();
    let mut tokens = Vec::new();
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if first == '"' {
            text_length(rest)
        } else if rest.starts_with("r\"") || rest.starts_with("r#\"") {
            let end = if rest.starts_with("r#") { "\"#" } else { "\"" };
            let begin = rest.find('"').unwrap_or(0) + 1;
            rest[begin..].find(end).map_or(rest.len(), |at| begin + at + end.len())
        } else if first == '\'' {
            character_length(rest)
        } else if is_name(rest) {
            let length = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            tokens.push(rest[..length].to_owned());
            length
        } else if rest.starts_with("::") {
            tokens.push("::".to_owned());
            2
        } else {
            if !first.is_whitespace() {
                tokens.push(first.to_string());
            }
            first.len_utf8()
        };
        rest = &rest[length..];
    }
    tokens
}

/// Bytes of a text in double quotes.
fn text_length(source: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in source.bytes().enumerate().skip(1) {
        match byte {
            b'"' if !escaped => return at + 1,
            b'\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    source.len()
}

/// Bytes of a character in single quotes, or of the quote alone where it begins the name of a lifetime.
fn character_length(source: &str) -> usize {
    let mut characters = source.char_indices().skip(1);
    match characters.next() {
        // The character after the backslash may be a quote itself.
        Some((_, '\\')) => source[3..].find('\'').map_or(1, |end| 3 + end + 1),
        Some(_) => match characters.next() {
            Some((at, '\'')) => at + 1,
            _ => 1,
        },
        None => 1,
    }
}

/// The shortest circle, as text.
fn circle(edges: &Edges) -> Option<String> {
    let circles = edges.keys().filter_map(|module| circle_through(edges, module));
    let shortest = circles.min_by_key(Vec::len)?;
    let shown = |module: &Module| if module.is_empty() { "main".to_owned() } else { module.join("::") };
    let ties = shortest.windows(2).map(|pair| {
        format!("{} takes {} from {}", shown(&pair[0]), edges[&pair[0]][&pair[1]], shown(&pair[1]))
    });
    Some(ties.collect::<Vec<_>>().join("; "))
}

/// The shortest path from a module back to itself.
fn circle_through(edges: &Edges, start: &Module) -> Option<Vec<Module>> {
    let mut came_from: BTreeMap<&Module, &Module> = BTreeMap::new();
    let mut waiting = VecDeque::from([start]);
    while let Some(module) = waiting.pop_front() {
        for next in edges.get(module)?.keys() {
            if next == start {
                let mut way = vec![start.clone()];
                let mut at = module;
                while at != start {
                    way.push(at.clone());
                    at = came_from[at];
                }
                way.push(start.clone());
                way.reverse();
                return Some(way);
            }
            if !came_from.contains_key(next) {
                came_from.insert(next, module);
                waiting.push_back(next);
            }
        }
    }
    None
}
