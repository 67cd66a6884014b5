DECLARE fence_version INT64;
CREATE OR REPLACE TABLE `platform`.`stage-derived-totals-attempt` (`day` DATE, `amount` NUMERIC)
OPTIONS (expiration_timestamp = TIMESTAMP_ADD(CURRENT_TIMESTAMP(), INTERVAL 1 DAY)) AS
SELECT `day`, `amount` FROM (
SELECT DATE(`at`) AS day, SUM(amount) AS amount FROM core.events WHERE `at` >= @window_start AND `at` < @window_end GROUP BY 1
);
SET fence_version = (SELECT version FROM `platform`.`fence-derived-totals`);
SELECT
  fence_version AS `version`,
  (SELECT AS STRUCT version, kind, run_id, run_by, window_start, window_end, committed_at, `rows`, touched, copied FROM `platform`.`ledger_096` WHERE table_name = @identity AND (kind IN ('commit', 'part', 'trim', 'accept') AND COALESCE(window_start < @window_end AND @window_start < window_end, TRUE) AND COALESCE(generation, 0) = @generation OR kind = 'accept' AND COALESCE(generation, 0) = 0 OR kind IN ('begin', 'swap', 'abandon')) ORDER BY version DESC LIMIT 1) AS `newest`,
  (SELECT COUNT(*) FROM `platform`.`quarantine_096` WHERE table_name = @holder) AS `quarantined`,
  (SELECT COUNT(*) FROM `platform`.`stage-derived-totals-attempt`) AS `staged`,
  ARRAY(SELECT AS STRUCT unit_start, LOGICAL_OR(more_new < 0) AS is_change FROM (SELECT unit_start, SUM(is_new) AS more_new FROM (SELECT TIMESTAMP(DATE_TRUNC(`day`, DAY)) AS unit_start, `day` AS v0, `amount` AS v1, 1 AS is_new FROM `platform`.`stage-derived-totals-attempt` UNION ALL SELECT TIMESTAMP(DATE_TRUNC(`day`, DAY)) AS unit_start, `day` AS v0, `amount` AS v1, -1 AS is_new FROM (SELECT `day`, `amount` FROM `derived`.`totals` WHERE (`day` >= @low AND `day` < @high))) GROUP BY unit_start, v0, v1 HAVING SUM(is_new) <> 0) GROUP BY unit_start) AS `units`,
  (SELECT COUNT(*) FROM `platform`.`stage-derived-totals-attempt` WHERE (`day` >= @low AND `day` < @high) IS NOT TRUE) AS `outside`

-- next job
BEGIN TRANSACTION;
UPDATE `platform`.`fence-derived-totals` SET version = IF(version = @known_version, @next_version, ERROR('another run has committed')) WHERE TRUE;
DELETE FROM `derived`.`totals` WHERE (`day` >= @low AND `day` < @high);
INSERT INTO `derived`.`totals` (`day`, `amount`) SELECT `day`, `amount` FROM `platform`.`stage-derived-totals-attempt`;
INSERT INTO `platform`.`ledger_096` ...;
COMMIT TRANSACTION;
