//! Operations: one file a group, each operation one row and one function.
//!
//! To add one: a row in its group's `operations`, a struct for each part of its input that has
//! members (`deny_unknown_fields`, AWS's names), a struct for its output, and a function between
//! them. Then its row in docs/aws-compatibility.md and a call in the tests that drive a server.

mod access_keys;
mod attribute_payload;
mod audit;
mod authorization_test;
mod billing_groups;
mod ca_certificates;
mod certificates;
mod connections;
mod dead_letters;
mod effective_policies;
mod endpoint;
mod enrolments;
mod event_configurations;
mod events;
mod indexing;
mod logging;
mod logging_levels;
pub(crate) mod messages;
mod mitigation;
mod notice_deliveries;
mod notices;
mod policies;
mod policy_targets;
mod policy_versions;
mod principal_policies;
mod principals;
mod provisioning;
mod registering;
mod registration_code;
mod retained;
mod rotations;
mod search;
mod shown_notice;
mod shown_rotation;
mod tags;
mod thing_group_members;
mod thing_groups;
mod thing_lists;
mod thing_types;
mod things;
pub(crate) mod topic_rule_destinations;
mod topic_rules;
mod transfers;

use crate::described::Operation;

/// Every operation there is.
pub(crate) fn all() -> Vec<Operation> {
    [
        access_keys::operations(),
        audit::operations(),
        authorization_test::operations(),
        billing_groups::operations(),
        ca_certificates::operations(),
        certificates::operations(),
        connections::operations(),
        effective_policies::operations(),
        dead_letters::operations(),
        endpoint::operations(),
        enrolments::operations(),
        event_configurations::operations(),
        events::operations(),
        indexing::operations(),
        logging::operations(),
        logging_levels::operations(),
        messages::operations(),
        mitigation::operations(),
        notice_deliveries::operations(),
        notices::operations(),
        policies::operations(),
        policy_targets::operations(),
        policy_versions::operations(),
        principal_policies::operations(),
        principals::operations(),
        provisioning::operations(),
        registering::operations(),
        registration_code::operations(),
        retained::operations(),
        rotations::operations(),
        search::operations(),
        tags::operations(),
        thing_group_members::operations(),
        thing_groups::operations(),
        thing_lists::operations(),
        thing_types::operations(),
        things::operations(),
        topic_rule_destinations::operations(),
        topic_rules::operations(),
        transfers::operations(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The names of the operations that are AWS's own.
pub fn aws_operation_names() -> Vec<&'static str> {
    all().iter().filter(|it| !it.is_own()).map(|it| it.name).collect()
}

/// The names of our own operations, which are under `/api/v1`.
pub fn own_operation_names() -> Vec<&'static str> {
    all().iter().filter(|it| it.is_own()).map(|it| it.name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_operations_have_a_name_or_a_place_in_common() {
        let operations = all();
        let mut names: Vec<_> = operations.iter().map(|it| it.name).collect();
        let place = |it: &Operation| (it.service.as_str(), it.method.to_string(), it.path);
        let mut places: Vec<_> = operations.iter().map(place).collect();
        names.sort_unstable();
        places.sort_unstable();

        assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "{names:?}");
        assert!(places.windows(2).all(|pair| pair[0] != pair[1]), "{places:?}");
    }

    #[test]
    fn the_documents_list_every_operation() {
        let listed = include_str!("../../../../docs/aws-compatibility.md");

        for operation in all() {
            let own = format!("{} {}", operation.method, operation.path);
            let named = listed.split([' ', ',', '|', '`', '\n']).any(|word| word == operation.name);
            assert!(named || listed.contains(&own), "{operation:?} is not in the document");
        }
    }
}
