//! Taking mitigation actions: finding by finding, each action planned by the core and recorded.
//!
//! A task that a crash cut short goes on at the next start: what was recorded is not done again,
//! and every remedy done twice is done once.

use std::collections::BTreeMap;

use async_trait::async_trait;
use perennial_core::{
    audit::{CheckName, Finding, HeldBy, Remedy, plan},
    time::Timestamp,
};
use perennial_orchestrator::port::Clock;

use super::{
    super::findings::{self, FindingCursor, FindingFilter},
    actions::MitigationAction,
    executions::{ExecutionStatus, Standing, execution, record, standing},
    holders,
    tasks::{self, FindingCounts, MitigationStatus, MitigationTask},
};
use crate::{Store, StoreError};

/// How many findings are read at once.
const PAGE: usize = 100;

/// A remedy that did not work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct RemedyError {
    /// Why, as a code.
    pub code: &'static str,
    /// Why, in words.
    pub message: String,
}

/// Carries remedies out.
#[async_trait]
pub trait Remedies: Send + Sync {
    /// Does it; done twice it is done once.
    async fn apply(
        &self,
        remedy: Remedy,
        finding: &Finding,
        now: Timestamp,
    ) -> Result<(), RemedyError>;
}

/// What became of a finding in a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Became {
    Succeeded,
    Failed,
    Skipped,
    Canceled,
}

impl Store {
    /// The mitigation task in progress that began first and that nobody runs.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be read.
    pub async fn next_mitigation(&self) -> Result<Option<String>, StoreError> {
        let waiting = self
            .read(|connection| {
                let mut statement = connection.prepare_cached(
                    "SELECT id FROM mitigation_tasks WHERE status = 'IN_PROGRESS' \
                     ORDER BY started_at, id LIMIT 100",
                )?;
                let rows = statement.query_map([], |row| row.get::<_, String>(0))?;
                Ok(rows.collect::<Result<Vec<_>, _>>()?)
            })
            .await?;
        let running = self.audits.mitigating.lock();
        Ok(waiting.into_iter().find(|id| !running.contains(id)))
    }

    /// Runs a mitigation task that is in progress, unless somebody does, by way of `remedies`.
    ///
    /// # Errors
    /// [`StoreError`] when the store fails half-way; the task may be run again.
    pub async fn run_mitigation(
        &self,
        id: String,
        remedies: &dyn Remedies,
        clock: &dyn Clock,
    ) -> Result<(), StoreError> {
        if !self.audits.mitigating.lock().insert(id.clone()) {
            return Ok(());
        }
        let ran = self.mitigate(&id, remedies, clock).await;
        self.audits.mitigating.lock().remove(&id);
        ran
    }

    async fn mitigate(
        &self,
        id: &str,
        remedies: &dyn Remedies,
        clock: &dyn Clock,
    ) -> Result<(), StoreError> {
        let mut task = self.mitigation_task(id.to_owned()).await?;
        task.task_statistics = BTreeMap::new();
        let (mut after, mut failed) = (None, false);
        loop {
            let (page, next) = self.targets(&task, after).await?;
            for finding in &page {
                let became = self.treat(&task, finding, remedies, clock).await?;
                failed |= became == Became::Failed;
                count(&mut task.task_statistics, finding.check_name, became);
            }
            let (id, statistics) = (id.to_owned(), task.task_statistics.clone());
            let (is_last, now) = (next.is_none(), clock.now());
            self.write(move |connection| {
                // It may have been cancelled meanwhile.
                let kept = tasks::existing(connection, &id)?;
                let task = MitigationTask { task_statistics: statistics, ..kept };
                match (task.task_status, failed) {
                    (MitigationStatus::InProgress, true) if is_last => {
                        tasks::end(connection, &task, MitigationStatus::Failed, now)
                    }
                    (MitigationStatus::InProgress, false) if is_last => {
                        tasks::end(connection, &task, MitigationStatus::Completed, now)
                    }
                    _ => tasks::write(connection, &task),
                }
            })
            .await?;
            if is_last {
                return Ok(());
            }
            after = next;
        }
    }

    /// A page of the findings that the task is about.
    async fn targets(
        &self,
        task: &MitigationTask,
        after: Option<FindingCursor>,
    ) -> Result<(Vec<Finding>, Option<FindingCursor>), StoreError> {
        let request = task.request.clone();
        self.read(move |connection| {
            let target = &request.target;
            let mapped = |it: &Finding| {
                request.audit_check_to_actions_mapping.contains_key(&it.check_name)
                    && target.selects(it)
            };
            let Some(task) = target.audit_task_id else {
                let mut page = Vec::new();
                for id in &target.finding_ids {
                    match findings::existing(connection, *id) {
                        Ok(finding) if mapped(&finding) => page.push(finding),
                        // Or it has gone since the task began: it was kept long enough.
                        Ok(_) | Err(StoreError::NotFound { .. }) => {}
                        Err(error) => return Err(error),
                    }
                }
                return Ok((page, None));
            };
            let filter = FindingFilter { task: Some(task), ..FindingFilter::default() };
            let (page, next) = findings::list(connection, &filter, after, PAGE)?;
            Ok((page.into_iter().filter(mapped).collect(), next))
        })
        .await
    }

    /// Takes the actions for a finding in order; one that fails has the rest skipped.
    async fn treat(
        &self,
        task: &MitigationTask,
        finding: &Finding,
        remedies: &dyn Remedies,
        clock: &dyn Clock,
    ) -> Result<Became, StoreError> {
        let names = task.request.audit_check_to_actions_mapping.get(&finding.check_name);
        let mut became = Became::Succeeded;
        for (number, name) in (0i64..).zip(names.into_iter().flatten()) {
            let Some(action) = task.actions_definition.iter().find(|it| it.name == *name) else {
                continue;
            };
            let place = (task.request.task_id.clone(), *finding.finding_id.as_bytes(), number);
            let wanted = place.clone();
            match self.read(move |connection| standing(connection, &wanted)).await? {
                Standing::Canceled => return Ok(Became::Canceled),
                Standing::Done(ExecutionStatus::Completed) => continue,
                Standing::Done(ExecutionStatus::Failed) => {
                    became = Became::Failed;
                    continue;
                }
                Standing::Done(ExecutionStatus::Skipped) => {
                    became = if became == Became::Failed { became } else { Became::Skipped };
                    continue;
                }
                Standing::ToDo => {}
            }
            let start_time = clock.now();
            let outcome = if finding.is_suppressed || became == Became::Failed {
                None
            } else {
                Some(self.act(task, finding, action, remedies, clock).await?)
            };
            let execution = execution(task, finding, action, &outcome, (start_time, clock.now()));
            became = match (execution.status, became) {
                (ExecutionStatus::Failed, _) => Became::Failed,
                (ExecutionStatus::Skipped, Became::Succeeded) => Became::Skipped,
                (_, kept) => kept,
            };
            self.write(move |connection| record(connection, &place, &execution)).await?;
        }
        Ok(became)
    }

    async fn act(
        &self,
        task: &MitigationTask,
        finding: &Finding,
        action: &MitigationAction,
        remedies: &dyn Remedies,
        clock: &dyn Clock,
    ) -> Result<Result<(), RemedyError>, StoreError> {
        let resource = finding.resource.resource_identifier.clone();
        let asked = resource.clone();
        let held = self
            .read(move |connection| match (asked.device_certificate(), asked.policy_version()) {
                (Some(id), _) => holders::of_certificate(connection, &id),
                (None, Some(version)) => {
                    holders::of_policy(connection, version.policy_name.as_str())
                }
                (None, None) => Ok(HeldBy::default()),
            })
            .await?;
        let forced = task.request.forced;
        let planned = plan(finding.check_name, &resource, &action.action_params, &held, forced);
        Ok(match planned {
            Ok(remedy) => remedies.apply(remedy, finding, clock.now()).await,
            Err(refusal) => Err(RemedyError { code: refusal.code(), message: refusal.to_string() }),
        })
    }
}

fn count(statistics: &mut BTreeMap<CheckName, FindingCounts>, check: CheckName, became: Became) {
    let counts = statistics.entry(check).or_default();
    counts.total_findings_count += 1;
    match became {
        Became::Succeeded => counts.succeeded_findings_count += 1,
        Became::Failed => counts.failed_findings_count += 1,
        Became::Skipped => counts.skipped_findings_count += 1,
        Became::Canceled => counts.canceled_findings_count += 1,
    }
}
