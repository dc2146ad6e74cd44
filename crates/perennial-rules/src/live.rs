//! A rule that is on, with its actions' queues.

use std::sync::Arc;

use perennial_core::{
    ids::RuleName,
    rule::{
        Incoming, ReadyRule, RuleInvalid, TopicRule,
        action::{Action, Delivery},
        failure::Failure,
    },
};
use tokio_util::task::TaskTracker;

use crate::{
    delivering::{FULL, Post},
    health::{Health, Place},
    load::Load,
    parcel::{Origin, Parcel},
    queue::{ActionQueue, Pace},
};

/// A rule that is on.
pub(crate) struct LiveRule {
    pub(crate) name: RuleName,
    pub(crate) document: TopicRule,
    pub(crate) ready: ReadyRule,
    queues: Vec<ActionQueue>,
    pub(crate) error_queue: Option<ActionQueue>,
}

impl LiveRule {
    /// Opens the queues of a rule.
    pub(crate) fn open(
        name: RuleName,
        document: TopicRule,
        post: &Arc<Post>,
        tasks: &TaskTracker,
    ) -> Result<Self, RuleInvalid> {
        let ready = document.ready()?;
        let queue = |action: &Action, place: String| {
            let pace = match action {
                // Messages stay in their order; a line is written faster than it is read.
                Action::Republish(_) | Action::File(_) | Action::Stdout(_) => Pace::InOrder,
                Action::Http(http) => match http.batches()? {
                    Some(limits) => Pace::InBatches(limits, post.settings.in_flight),
                    None => Pace::AtATime(post.settings.in_flight),
                },
                Action::Sns(_) | Action::Lambda(_) => Pace::AtATime(post.settings.in_flight),
            };
            let place = Place { rule: name.clone(), action: place };
            Ok::<_, RuleInvalid>(ActionQueue::open(post, Some(place), pace, tasks))
        };
        let numbered = document.actions.iter().enumerate();
        let queues = numbered
            .map(|(index, action)| queue(action, format!("actions[{index}]")))
            .collect::<Result<_, _>>()?;
        let error_action = document.error_action.as_ref();
        let error_queue =
            error_action.map(|action| queue(action, "errorAction".to_owned())).transpose()?;
        Ok(Self { name, document, ready, queues, error_queue })
    }

    /// It is on no longer: nobody is told any more that its deliveries fail.
    pub(crate) fn retire(&self) {
        self.queues.iter().chain(&self.error_queue).for_each(|queue| queue.health.retire());
    }

    /// How the action does that makes such deliveries, the first of them.
    pub(crate) fn health_of(&self, delivery: &Delivery) -> Option<&Health> {
        let actions = self.document.actions.iter().zip(&self.queues);
        let error_action = self.document.error_action.iter().zip(&self.error_queue);
        let mut all = actions.chain(error_action);
        all.find(|(action, _)| makes(action, delivery)).map(|(_, queue)| &*queue.health)
    }

    /// Runs the rule on a message and sends off what it makes of it.
    pub(crate) fn run(
        self: &Arc<Self>,
        incoming: &Incoming<'_>,
        origin: &Arc<Origin>,
        post: &Post,
    ) {
        let outcomes = match self.ready.run(incoming) {
            Ok(outcomes) => outcomes,
            Err(error) => {
                tracing::debug!(rule.name = %self.name, %error, "a rule could not be run");
                let failure = Failure {
                    failed_action: "Sql",
                    failed_resource: self.name.to_string(),
                    error_message: error.to_string(),
                };
                return post.tell_failure(self, origin, failure);
            }
        };
        for (outcome, queue) in outcomes.into_iter().zip(&self.queues) {
            match outcome {
                Ok(delivery) => self.send_off(delivery, queue, origin, post),
                Err(failure) => {
                    let reason = &failure.error_message;
                    tracing::debug!(rule.name = %self.name, reason, "an action's parameter is none");
                    post.tell_failure(self, origin, failure);
                }
            }
        }
    }

    fn send_off(
        self: &Arc<Self>,
        delivery: Delivery,
        queue: &ActionQueue,
        origin: &Arc<Origin>,
        post: &Post,
    ) {
        let parcel = Parcel {
            rule: self.name.clone(),
            delivery,
            origin: Arc::clone(origin),
            answerable: Some(Arc::clone(self)),
            letter: None,
            weight: None,
        };
        if let Err(parcel) = queue.put(parcel) {
            post.give_up(Load::alone(*parcel), FULL, &queue.health);
        }
    }
}

const fn makes(action: &Action, delivery: &Delivery) -> bool {
    match action {
        Action::Republish(_) => matches!(delivery, Delivery::Republish(_)),
        Action::Http(_) => matches!(delivery, Delivery::Http(_)),
        Action::Sns(_) => matches!(delivery, Delivery::Sns { .. }),
        Action::Lambda(_) => matches!(delivery, Delivery::Lambda { .. }),
        Action::File(_) => matches!(delivery, Delivery::File { .. }),
        Action::Stdout(_) => matches!(delivery, Delivery::Stdout { .. }),
    }
}
