-- A client's token stands for one request: a mitigation task's, a suppression's.
CREATE INDEX mitigation_tasks_by_token ON mitigation_tasks (json_extract(task, '$.clientRequestToken'));
CREATE INDEX audit_suppressions_by_token ON audit_suppressions (token);
