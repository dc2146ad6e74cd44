//! Logging: what is to be recorded of devices, and of which of them.

use std::{collections::BTreeMap, fmt, str::FromStr};

use perennial_core::{
    ids::ThingGroupName,
    logging::{Levels, LogLevel, LogTarget, LoggedEvent, TargetType},
    time::Timestamp,
};
use rusqlite::{Connection, OptionalExtension as _, params};
use serde_json::json;

use crate::{
    NoPlace, Page, Store, StoreError, events,
    page::one_more,
    row::{from_json, to_json},
    thing_groups,
};

/// The most targets, all of which are held in memory.
pub const MAX_LOG_TARGETS: usize = 1000;

/// What holds for everybody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggingOptions {
    /// The role that was named last; nothing here needs one.
    pub role_arn: Option<String>,
    /// The level of whoever has no other.
    pub default: LogLevel,
    /// Whether nothing is recorded at all.
    pub all_disabled: bool,
    /// Levels of events, instead of the default.
    pub events: BTreeMap<LoggedEvent, LogLevel>,
}

/// What changes of [`LoggingOptions`]; `None` leaves it as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LoggingUpdate {
    /// The role.
    pub role_arn: Option<String>,
    /// The default level.
    pub default: Option<LogLevel>,
    /// Whether nothing is recorded at all.
    pub all_disabled: Option<bool>,
    /// The levels of events, as a whole.
    pub events: Option<BTreeMap<LoggedEvent, LogLevel>>,
}

/// A target with its level.
pub type TargetLevel = (LogTarget, LogLevel);

/// A place in the list of targets: by kind and name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogTargetPlace {
    kind: String,
    name: String,
}

impl fmt::Display for LogTargetPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind, self.name)
    }
}

impl FromStr for LogTargetPlace {
    type Err = NoPlace;
    fn from_str(text: &str) -> Result<Self, NoPlace> {
        let (kind, name) = text.split_once('/').ok_or(NoPlace)?;
        Ok(Self { kind: kind.to_owned(), name: name.to_owned() })
    }
}

impl From<&LogTarget> for LogTargetPlace {
    fn from(target: &LogTarget) -> Self {
        let name = target.name().unwrap_or_default();
        Self { kind: target.target_type().to_string(), name }
    }
}

impl Store {
    /// What holds for everybody.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be read.
    pub async fn logging_options(&self) -> Result<LoggingOptions, StoreError> {
        self.read(options).await
    }

    /// Changes what holds for everybody (`SetV2LoggingOptions`).
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be written.
    pub async fn update_logging(
        &self,
        update: LoggingUpdate,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(move |connection| change(connection, update, now)).await
    }

    /// Gives a target a level (`SetV2LoggingLevel`).
    ///
    /// # Errors
    /// [`StoreError::Invalid`] for a group that does not exist, [`StoreError::LimitExceeded`] for
    /// one target too many.
    pub async fn set_log_level(
        &self,
        target: LogTarget,
        level: LogLevel,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(move |connection| set(connection, &target, level, now)).await
    }

    /// Takes a target's level away, if it has one (`DeleteV2LoggingLevel`).
    ///
    /// # Errors
    /// [`StoreError::Invalid`] for the default, which there always is.
    pub async fn delete_log_level(
        &self,
        target: LogTarget,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(move |connection| delete(connection, &target, now)).await
    }

    /// Targets with their levels, by kind and name.
    ///
    /// # Errors
    /// [`StoreError`] when they cannot be read.
    pub async fn log_targets(
        &self,
        kind: Option<TargetType>,
        after: Option<LogTargetPlace>,
        limit: usize,
    ) -> Result<Page<TargetLevel, LogTargetPlace>, StoreError> {
        self.read(move |connection| list(connection, kind, after, limit)).await
    }

    /// Every level there is, to decide by.
    ///
    /// # Errors
    /// [`StoreError`] when they cannot be read.
    pub async fn log_levels(&self) -> Result<Levels, StoreError> {
        self.read(levels).await
    }
}

/// Whether anything is recorded of devices for which there is no target.
pub(crate) fn is_enabled(connection: &Connection) -> Result<bool, StoreError> {
    let options = options(connection)?;
    Ok(!options.all_disabled && options.default != LogLevel::Disabled)
}

/// Forgets the level of a group that is gone.
pub(crate) fn forget_group(
    connection: &Connection,
    name: &ThingGroupName,
    now: Timestamp,
) -> Result<(), StoreError> {
    delete(connection, &LogTarget::ThingGroup(name.clone()), now)
}

fn options(connection: &Connection) -> Result<LoggingOptions, StoreError> {
    let (role_arn, all_disabled, events): (_, _, String) = connection
        .prepare_cached(
            "SELECT role_arn, all_disabled, events FROM logging_options WHERE number = 1",
        )?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    let default = level(connection, &LogTarget::Default)?;
    let default = default.ok_or_else(|| StoreError::corrupt("logging level", "no default"))?;
    let events = from_json("logging events", &events)?;
    Ok(LoggingOptions { role_arn, default, all_disabled, events })
}

fn level(connection: &Connection, target: &LogTarget) -> Result<Option<LogLevel>, StoreError> {
    let place = LogTargetPlace::from(target);
    let found: Option<String> = connection
        .prepare_cached(
            "SELECT level FROM logging_levels WHERE target_type = ? AND target_name = ?",
        )?
        .query_row([place.kind, place.name], |row| row.get(0))
        .optional()?;
    found.map(|text| from_json("logging level", &text)).transpose()
}

fn change(
    connection: &Connection,
    update: LoggingUpdate,
    now: Timestamp,
) -> Result<(), StoreError> {
    let before = options(connection)?;
    let after = LoggingOptions {
        role_arn: update.role_arn.or(before.role_arn),
        default: update.default.unwrap_or(before.default),
        all_disabled: update.all_disabled.unwrap_or(before.all_disabled),
        events: update.events.unwrap_or(before.events),
    };
    connection
        .prepare_cached(
            "UPDATE logging_options SET role_arn = ?, all_disabled = ?, events = ? WHERE number = 1",
        )?
        .execute(params![
            after.role_arn,
            after.all_disabled,
            to_json("logging events", &after.events)?
        ])?;
    write(connection, &LogTarget::Default, after.default)?;
    let body = json!({ "defaultLogLevel": after.default, "disableAllLogs": after.all_disabled,
        "roleArn": after.role_arn, "eventConfigurations": after.events });
    events::append(connection, "logging.configured", &body, now)
}

fn set(
    connection: &Connection,
    target: &LogTarget,
    level: LogLevel,
    now: Timestamp,
) -> Result<(), StoreError> {
    if let LogTarget::ThingGroup(name) = target
        && thing_groups::find(connection, name)?.is_none()
    {
        return Err(StoreError::Invalid(format!("there is no thing group {name}")));
    }
    write(connection, target, level)?;
    let targets: i64 = connection
        .prepare_cached("SELECT COUNT(*) FROM logging_levels WHERE target_type > ''")?
        .query_row([], |row| row.get(0))?;
    // The default is none of them.
    if targets > events::count(MAX_LOG_TARGETS) + 1 {
        return Err(StoreError::LimitExceeded(format!(
            "{MAX_LOG_TARGETS} targets have levels, and no more may: delete one, or use a thing group"
        )));
    }
    tell(connection, "logging.level.set", target, Some(level), now)
}

fn write(connection: &Connection, target: &LogTarget, level: LogLevel) -> Result<(), StoreError> {
    let place = LogTargetPlace::from(target);
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO logging_levels (target_type, target_name, level) \
             VALUES (?, ?, ?)",
        )?
        .execute([place.kind, place.name, to_json("logging level", &level)?])?;
    Ok(())
}

fn delete(connection: &Connection, target: &LogTarget, now: Timestamp) -> Result<(), StoreError> {
    if *target == LogTarget::Default {
        let why = "the level of DEFAULT cannot be deleted: set it to DISABLED";
        return Err(StoreError::Invalid(why.to_owned()));
    }
    let place = LogTargetPlace::from(target);
    let deleted = connection
        .prepare_cached("DELETE FROM logging_levels WHERE target_type = ? AND target_name = ?")?
        .execute([place.kind, place.name])?;
    if deleted > 0 {
        tell(connection, "logging.level.deleted", target, None, now)?;
    }
    Ok(())
}

fn tell(
    connection: &Connection,
    kind: &'static str,
    target: &LogTarget,
    level: Option<LogLevel>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let body = json!({ "targetType": target.target_type(), "targetName": target.name(),
        "logLevel": level });
    events::append(connection, kind, &body, now)
}

fn list(
    connection: &Connection,
    kind: Option<TargetType>,
    after: Option<LogTargetPlace>,
    limit: usize,
) -> Result<Page<TargetLevel, LogTargetPlace>, StoreError> {
    let begin = kind.map(|kind| kind.to_string()).unwrap_or_default();
    let (after_kind, after_name) =
        after.map(|it| (it.kind, Some(it.name))).unwrap_or((begin, None));
    // Without a name: from the first of the kind on, which may be called "".
    let beyond = if after_name.is_some() { ">" } else { ">=" };
    let only = if kind.is_some() { "AND target_type = ?1" } else { "" };
    let mut statement = connection.prepare_cached(&format!(
        "SELECT target_type, target_name, level FROM logging_levels \
         WHERE (target_type, target_name) {beyond} (?1, ?2) {only} \
         ORDER BY target_type, target_name LIMIT ?3"
    ))?;
    let place = params![after_kind, after_name.unwrap_or_default(), one_more(limit)];
    let rows = statement.query_map(place, |row| {
        Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?))
    })?;
    let mut found = Vec::new();
    for row in rows {
        let (kind, name, level) = row?;
        found.push((target(&kind, &name)?, from_json("logging level", &level)?));
    }
    Ok(Page::cut(found, limit, |(target, _)| LogTargetPlace::from(target)))
}

fn target(kind: &str, name: &str) -> Result<LogTarget, StoreError> {
    let kind: TargetType = from_json("logging target", &json!(kind).to_string())?;
    let name = Some(name).filter(|_| kind != TargetType::Default);
    LogTarget::new(kind, name).map_err(|error| StoreError::corrupt("logging target", error))
}

fn levels(connection: &Connection) -> Result<Levels, StoreError> {
    let LoggingOptions { default, all_disabled, events, .. } = options(connection)?;
    let mut levels = Levels { default, all_disabled, events, ..Levels::default() };
    let all = list(connection, None, None, MAX_LOG_TARGETS + 1)?;
    for (target, level) in all.items {
        match target {
            LogTarget::Default => {}
            LogTarget::ThingGroup(name) => {
                if let Some((number, _)) = thing_groups::find(connection, &name)? {
                    levels.groups.insert(number, level);
                }
            }
            LogTarget::ClientId(id) => {
                levels.clients.insert(id.to_string(), level);
            }
            LogTarget::SourceIp(address) => {
                levels.sources.insert(address.to_canonical(), level);
            }
            LogTarget::PrincipalId(id) => {
                levels.principals.insert(id, level);
            }
        }
    }
    Ok(levels)
}
