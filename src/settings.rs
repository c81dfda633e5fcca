//! The settings in force.

use qadmin_core::error::{Error, ServerError};
use qadmin_core::index::Definition;
use qadmin_core::settings::{INDEX, PICKLE, SETTINGS, Settings, TEXTS, parse_load_args};

use crate::index;
use crate::redis::main_cell::MainCell;
use crate::redis::{Ctx, config};

static IN_FORCE: MainCell<Option<Settings>> = MainCell::new(None);

/// Returns a copy of the present settings.
pub(crate) fn now() -> Settings {
    IN_FORCE.try_borrow_mut().and_then(|settings| settings.clone()).unwrap_or_default()
}

/// Registers the settings with the server. The arguments of `loadmodule` become the defaults, which redis.conf and
/// LOADEX override.
pub(crate) fn register(ctx: Ctx<'_>, args: &[&[u8]]) -> Result<(), String> {
    let given = parse_load_args(args).map_err(|error| error.text())?;
    let _ = config::CALLBACKS.set(config::Callbacks { get, set, get_text, set_text });
    for (at, row) in SETTINGS.iter().enumerate() {
        let default =
            given.numbers.iter().find(|(index, _)| *index == at).map_or(row.default, |(_, value)| *value);
        set(at, default);
        let registered = match row.words {
            [] => config::register(ctx, at, row.name, default, row.min, row.max),
            words => config::register_words(ctx, at, row.name, default, words),
        };
        if !registered {
            return Err(format!("the server refused the setting qadmin.{}", row.name));
        }
    }
    for (at, row) in TEXTS.iter().enumerate() {
        let default =
            given.texts.iter().find(|(index, _)| *index == at).map_or(row.default, |(_, text)| text);
        set_text(at, default).map_err(|error| error.text())?;
        if !config::register_text(ctx, at, row.name, default) {
            return Err(format!("the server refused the setting qadmin.{}", row.name));
        }
    }
    if config::load(ctx) {
        Ok(())
    } else {
        Err("a setting in the configuration was refused (the line above says which)".into())
    }
}

fn get(at: usize) -> i64 {
    now().get(at).unwrap_or(0)
}

fn set(at: usize, value: i64) {
    if let Some(mut settings) = IN_FORCE.try_borrow_mut() {
        // The server has checked the range, which is that of the table.
        let settings = settings.get_or_insert_with(Settings::default);
        let _ = settings.set(at, value);
        index::limit_memory(settings.index_max_memory());
        index::limit_slice(settings.slice_us());
        index::audit_every(settings.index_audit());
        if at == PICKLE {
            index::read_pickle(settings.pickle());
        }
    }
}

fn get_text(at: usize) -> Vec<u8> {
    // Commands change it, too.
    if at == INDEX { index::text() } else { now().text(at) }
}

fn set_text(at: usize, text: &[u8]) -> Result<(), Error> {
    {
        let mut settings = IN_FORCE.try_borrow_mut().ok_or(ServerError::Reentrant)?;
        settings.get_or_insert_with(Settings::default).set_text(at, text)?;
    }
    if at == INDEX {
        // It was read a moment ago, so it can be read.
        index::define(Definition::parse_all(text).unwrap_or_default(), now().default_kind())?;
    }
    Ok(())
}
