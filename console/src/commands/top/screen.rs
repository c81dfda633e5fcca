//! How `qadmin top` is drawn.

use std::time::{Duration, Instant};

use ratatui::Frame;
use ratatui::layout::{Alignment, Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span, Text};
use ratatui::widgets::{Block, Borders, Clear, Paragraph, Row, Table, TableState};

use super::state::{Focus, Groups, SMALL, State, name};
use crate::ages::Ages;
use crate::kind::MessageKind;
use crate::reply::{Map, Status};
use crate::terminal;
use crate::text::{self, counted, duration, escape, grouped};

/// Rows of the list of queues, without its heading, that are shown where there are more.
const QUEUES_MIN: u16 = 6;
/// Characters of the longest bar of a group.
const BAR: u64 = 16;

/// The keys, and what they do.
const KEYS: [(&str, &str); 12] = [
    ("Up, Down, k, j", "select another row; Page Up, Page Down: further"),
    ("Tab, Right, Enter", "go to the groups of the queue"),
    ("Tab, Left, Esc", "go back to the queues"),
    ("g", "count the groups of the queue now"),
    ("s", "sort by depth, change, oldest message or name"),
    ("p", "preview the messages of the selected group"),
    ("m", "park them; it asks first, and can be undone"),
    ("d", "delete them; it asks first"),
    ("w", "watch the job that was started last"),
    ("?, h", "show or hide this help"),
    ("q, Ctrl-C", "end"),
    ("", "p, m, d and w run a command, which is shown"),
];

/// Draws everything.
pub(super) fn draw(frame: &mut Frame<'_>, state: &State, address: &str, now: Instant) {
    let area = frame.area();
    let queues = u16::try_from(state.rows.len()).unwrap_or(u16::MAX);
    let jobs = state.jobs.as_deref().map_or(0, |jobs| u16::try_from(jobs.len()).unwrap_or(0));
    let most = (area.height.saturating_sub(jobs) / 2).max(QUEUES_MIN);
    let [head, above, below, running, foot] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(queues.saturating_add(1).clamp(2, most)),
        Constraint::Min(3),
        Constraint::Length(if jobs > 0 { jobs + 1 } else { 0 }),
        Constraint::Length(1),
    ])
    .areas(area);
    frame.render_widget(heading(state, address), head);
    draw_queues(frame, state, above);
    draw_groups(frame, state, below, now);
    draw_jobs(frame, state, running);
    frame.render_widget(footer(state, now), foot);
    if state.helps {
        draw_help(frame, area);
    }
}

/// Rows of a page of the list that has the selection.
pub(super) fn page(height: u16) -> usize {
    usize::from((height / 2).saturating_sub(3).max(1))
}

fn coloured(colour: Color) -> Style {
    if terminal::colour() { Style::new().fg(colour) } else { Style::new() }
}

fn bold() -> Style {
    Style::new().add_modifier(Modifier::BOLD)
}

fn heading(state: &State, address: &str) -> Line<'static> {
    let messages = state.rows.iter().map(|row| row.sum("depth")).sum();
    let count = u64::try_from(state.rows.len()).unwrap_or(u64::MAX);
    let mut parts = vec![counted(count, "queue"), counted(messages, "message")];
    if let Some(held) = state.unacked.filter(|held| *held > 0) {
        parts.push(format!("{} not acknowledged", grouped(held)));
    }
    if !state.complete {
        parts.push("the list is not complete".to_owned());
    }
    parts.push(format!("by {}", state.sort.name()));
    let shown = format!(" {}  {}", escape(address.as_bytes()), parts.join(", "));
    Line::from(vec![Span::styled("qadmin top", bold()), Span::raw(shown)])
}

fn number(text: String) -> Text<'static> {
    Text::from(text).alignment(Alignment::Right)
}

/// A change with its sign.
fn signed(change: i64) -> String {
    let sign = match change {
        0 => "",
        1.. => "+",
        _ => "-",
    };
    format!("{sign}{}", grouped(change.unsigned_abs()))
}

fn list<'a>(rows: Vec<Row<'a>>, widths: Vec<Constraint>, head: Row<'a>, has_focus: bool) -> Table<'a> {
    let selected = if has_focus { Style::new().add_modifier(Modifier::REVERSED) } else { bold() };
    Table::new(rows, widths).header(head.style(bold())).column_spacing(2).row_highlight_style(selected)
}

fn draw_queues(frame: &mut Frame<'_>, state: &State, area: Rect) {
    let with_ages = state.rows.iter().any(|row| row.count("pushed_per_minute").is_some());
    let mut head = vec![Text::from("queue"), number("messages".to_owned()), number("change/min".to_owned())];
    let mut widths = vec![Constraint::Min(12), Constraint::Length(11), Constraint::Length(10)];
    if with_ages {
        head.extend(["in/min", "out/min", "oldest"].map(|head| number(head.to_owned())));
        widths.extend([9, 9, 12].map(Constraint::Length));
    } else {
        head.push(Text::from("runs next"));
        widths.push(Constraint::Fill(1));
    }
    let row = |row: &Map| {
        let change = state.change(row).map_or_else(|| "-".to_owned(), signed);
        let mut cells =
            vec![Text::from(escape(&name(row))), number(grouped(row.sum("depth"))), number(change)];
        if with_ages {
            let ages = Ages::of(row);
            let of = |value: fn(&Ages) -> String| number(ages.as_ref().map_or_else(|| "-".to_owned(), value));
            cells.extend([Ages::pushed, Ages::popped, Ages::oldest].map(of));
        } else {
            cells.push(Text::from(escape(&row.bytes("next_task").unwrap_or_default())));
        }
        Row::new(cells)
    };
    if state.rows.is_empty() {
        return frame.render_widget(Paragraph::new("There are no queues that you may read."), area);
    }
    let table =
        list(state.rows.iter().map(row).collect(), widths, Row::new(head), state.focus == Focus::Queues);
    frame.render_stateful_widget(table, area, &mut TableState::new().with_selected(state.selected()));
}

/// The title of the groups: which they are, and how old.
fn title(state: &State, queue: &[u8], groups: Option<&Groups>, now: Instant) -> String {
    let by = escape(state.by.join(", ").as_bytes());
    let age = groups.and_then(|groups| groups.at).map(|at| now.saturating_duration_since(at));
    let age = age.filter(|age| *age >= Duration::from_secs(1));
    let age = age.map(|age| format!(", counted {} ago", duration(age.as_secs() * 1_000)));
    format!(" Who fills {}: by {by}{} ", escape(queue), age.unwrap_or_default())
}

/// Why what is shown may not be what somebody expects.
fn hint(row: &Map, groups: Option<&Groups>) -> Option<String> {
    let kind = row.word("looks_like").as_deref().and_then(MessageKind::parse);
    if let Some(kind) = kind.filter(|kind| *kind != MessageKind::Ids) {
        return Some(format!(
            " The messages look like those of {}: qadmin top --as {} ",
            kind.name(),
            kind.word()
        ));
    }
    let stats = groups?.stats.as_ref()?;
    let mut parts = Vec::new();
    if stats.other.sum("count") > 0 {
        let others = stats
            .other
            .count("groups")
            .map_or_else(|| "others".to_owned(), |n| format!("{} others", grouped(n)));
        parts.push(format!("{others}: {}", counted(stats.other.sum("count"), "message")));
    }
    if stats.doubts.unreadable > 0 {
        parts.push(format!("{} cannot be read", counted(stats.doubts.unreadable, "message")));
    }
    (!parts.is_empty()).then(|| format!(" {} ", parts.join("; ")))
}

fn draw_groups(frame: &mut Frame<'_>, state: &State, area: Rect, now: Instant) {
    let Some(row) = state.row() else { return };
    let groups = state.of_queue();
    let mut block = Block::new().borders(Borders::TOP).title(title(state, &name(row), groups, now));
    if let Some(hint) = hint(row, groups) {
        block = block.title_bottom(hint).borders(Borders::TOP | Borders::BOTTOM);
    }
    let counting = groups.and_then(|groups| groups.counting);
    if state.shown_groups().is_empty() {
        let words = match (counting, groups.and_then(|groups| groups.error.as_ref())) {
            (Some(percent), _) => format!("Counting: {percent} %"),
            (None, Some(error)) => format!("The count failed: {}", in_one_line(error)),
            (None, None) if row.sum("depth") == 0 => "It is empty.".to_owned(),
            (None, None) if row.sum("depth") > SMALL => format!(
                "Press g to count: the server reads {} in slices. An index with this field answers at once.",
                counted(row.sum("depth"), "message")
            ),
            (None, None) => String::new(),
        };
        let words = Paragraph::new(words).wrap(ratatui::widgets::Wrap { trim: true });
        return frame.render_widget(words.block(block), area);
    }
    let block =
        match (counting.filter(|percent| *percent > 0), groups.and_then(|groups| groups.error.as_ref())) {
            (Some(percent), _) => block.title(format!(" Counting again: {percent} % ")),
            (None, Some(error)) => block.title(format!(" The last count failed: {} ", in_one_line(error))),
            (None, None) => block,
        };
    let table = group_table(state).block(block);
    frame.render_stateful_widget(table, area, &mut TableState::new().with_selected(state.selected_group()));
}

fn group_table(state: &State) -> Table<'static> {
    let groups = state.shown_groups();
    let with_ages = groups.iter().any(|group| group.count("oldest_age").is_some());
    let mut head: Vec<Text<'_>> = state.by.iter().map(|field| Text::from(escape(field.as_bytes()))).collect();
    let mut widths = vec![Constraint::Fill(1); head.len()];
    head.extend([number("messages".to_owned()), number("share".to_owned())]);
    widths.extend([Constraint::Length(11), Constraint::Length(7)]);
    if with_ages {
        head.push(number("oldest".to_owned()));
        widths.push(Constraint::Length(12));
    }
    head.push(Text::from(""));
    widths.push(Constraint::Length(16));
    let largest = groups.iter().map(|group| group.sum("count")).max().unwrap_or(0).max(1);
    let rows = groups.iter().map(|group| {
        let value =
            |field: &String| group.bytes(field).map_or_else(|| "-".to_owned(), |value| escape(&value));
        let mut cells: Vec<Text<'_>> = state.by.iter().map(|field| Text::from(value(field))).collect();
        let (count, share) = (group.sum("count"), group.sum("share"));
        cells.extend([number(grouped(count)), number(format!("{}.{} %", share / 10, share % 10))]);
        if with_ages {
            cells.push(number(text::age(group.count("oldest_age"), group.flag("oldest_at_least"))));
        }
        let bar = usize::try_from(count.saturating_mul(BAR).div_ceil(largest)).unwrap_or(0);
        cells.push(Text::styled("#".repeat(bar), coloured(Color::Cyan)));
        Row::new(cells)
    });
    list(rows.collect(), widths, Row::new(head), state.focus == Focus::Groups)
}

fn draw_jobs(frame: &mut Frame<'_>, state: &State, area: Rect) {
    let block = Block::new().borders(Borders::TOP).title(" Jobs that run ");
    let jobs = state.jobs.as_deref().unwrap_or_default();
    let lines: Vec<Line<'_>> = jobs.iter().map(|job| Line::from(job_line(job))).collect();
    frame.render_widget(Paragraph::new(lines).block(block), area);
}

fn job_line(job: &Status) -> String {
    let mut parts = vec![format!("{} %", job.progress), format!("matched {}", grouped(job.matched))];
    if job.kind == "clear" && !job.dry_run {
        parts.push(format!("cleared {}", grouped(job.deleted)));
    }
    match (&job.waiting, job.eta_ms) {
        (Some(waiting), _) => parts.push(format!("waiting: {}", escape(waiting.as_bytes()))),
        (None, Some(eta)) => parts.push(format!("ETA {}", duration(eta))),
        (None, None) => {}
    }
    let id: String = job.job_id.chars().take(8).collect();
    let what = escape(job.what().as_bytes());
    format!(
        "{}  {what} of {}  {}  {}",
        escape(id.as_bytes()),
        escape(&job.queue),
        parts.join(", "),
        escape(job.filter.as_bytes())
    )
}

/// What is wrong, what to do first, or the keys.
fn footer(state: &State, now: Instant) -> Line<'static> {
    let wrong = |words: String| Line::styled(format!("! {words}"), coloured(Color::Red));
    match (&state.line, &state.lost, state.hangs(now)) {
        (Some(line), ..) => Line::styled(format!("! {}", in_one_line(line)), coloured(Color::Yellow)),
        (None, _, Some(time)) => {
            wrong(format!("The server has not answered for {}", duration(time.as_secs() * 1_000)))
        }
        (None, Some(lost), None) => wrong(format!("Trying again: {}", in_one_line(lost))),
        (None, None, None) => {
            Line::raw("Tab groups  g count  p preview  m park  d delete  s sort  w watch  ? help  q end")
        }
    }
}

/// The lines of a message as one.
fn in_one_line(words: &str) -> String {
    words.lines().collect::<Vec<_>>().join(" ")
}

fn draw_help(frame: &mut Frame<'_>, area: Rect) {
    let lines = KEYS
        .map(|(keys, what)| Line::from(vec![Span::styled(format!("{keys:<18} "), bold()), Span::raw(what)]));
    let height = u16::try_from(KEYS.len()).unwrap_or(0) + 2;
    let [middle] = Layout::vertical([Constraint::Length(height.min(area.height))])
        .flex(ratatui::layout::Flex::Center)
        .areas(area);
    frame.render_widget(Clear, middle);
    let help = Paragraph::new(lines.to_vec()).wrap(ratatui::widgets::Wrap { trim: false });
    frame.render_widget(help.block(Block::bordered().title(" Keys ")), middle);
}
