DECLARE fence_version INT64;
CREATE OR REPLACE TABLE `platform`.`stage-derived-large-attempt` (`id` INT64)
OPTIONS (expiration_timestamp = TIMESTAMP_ADD(CURRENT_TIMESTAMP(), INTERVAL 1 DAY)) AS
SELECT `id` FROM (
SELECT id FROM core.events WHERE amount > 1
);
SET fence_version = (SELECT version FROM `platform`.`fence-derived-large`);
SELECT
  fence_version AS `version`,
  (SELECT AS STRUCT version, kind, run_id, run_by, window_start, window_end, committed_at, `rows`, touched, copied FROM `platform`.`ledger_073` WHERE table_name = @identity AND (kind IN ('commit', 'part', 'trim', 'accept') AND TRUE AND COALESCE(generation, 0) = @generation OR kind = 'accept' AND COALESCE(generation, 0) = 0 OR kind IN ('begin', 'swap', 'abandon')) ORDER BY version DESC LIMIT 1) AS `newest`,
  (SELECT COUNT(*) FROM `platform`.`quarantine_073` WHERE table_name = @holder) AS `quarantined`,
  (SELECT COUNT(*) FROM `platform`.`stage-derived-large-attempt`) AS `staged`,
  ARRAY(SELECT AS STRUCT unit_start, LOGICAL_OR(more_new < 0) AS is_change FROM (SELECT unit_start, SUM(is_new) AS more_new FROM (SELECT CAST(NULL AS TIMESTAMP) AS unit_start, `id` AS v0, 1 AS is_new FROM `platform`.`stage-derived-large-attempt` UNION ALL SELECT CAST(NULL AS TIMESTAMP) AS unit_start, `id` AS v0, -1 AS is_new FROM (SELECT `id` FROM `derived`.`large` WHERE TRUE)) GROUP BY unit_start, v0 HAVING SUM(is_new) <> 0) GROUP BY unit_start) AS `units`

-- next job
BEGIN TRANSACTION;
UPDATE `platform`.`fence-derived-large` SET version = IF(version = @known_version, @next_version, ERROR('another run has committed')) WHERE TRUE;
TRUNCATE TABLE `derived`.`large`;
INSERT INTO `derived`.`large` (`id`) SELECT `id` FROM `platform`.`stage-derived-large-attempt`;
INSERT INTO `platform`.`ledger_073` ...;
COMMIT TRANSACTION;
