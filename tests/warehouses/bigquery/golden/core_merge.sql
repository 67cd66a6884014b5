DECLARE fence_version INT64;
SET fence_version = (SELECT version FROM `platform`.`fence-core-events`);
SELECT
  fence_version AS `version`,
  (SELECT AS STRUCT version, kind, run_id, run_by, window_start, window_end, committed_at, `rows`, touched, copied FROM `platform`.`ledger_012` WHERE table_name = @identity AND (kind IN ('commit', 'part', 'trim', 'accept') AND COALESCE(window_start < @window_end AND @window_start < window_end, TRUE) AND COALESCE(generation, 0) = @generation OR kind = 'accept' AND COALESCE(generation, 0) = 0 OR kind IN ('begin', 'swap', 'abandon')) ORDER BY version DESC LIMIT 1) AS `newest`,
  (SELECT COUNT(*) FROM `platform`.`quarantine_012` WHERE table_name = @holder) AS `quarantined`,
  (SELECT COUNT(*) FROM `platform`.`stage-core-events-attempt`) AS `staged`,
  (SELECT AS STRUCT COALESCE(LOGICAL_OR(`id` IS NULL), FALSE) AS k0 FROM `platform`.`stage-core-events-attempt`) AS `nulls`,
  (SELECT COALESCE(SUM(`same-key` - 1), 0) FROM (SELECT COUNT(*) AS `same-key` FROM `platform`.`stage-core-events-attempt` GROUP BY `id`)) AS `surplus`

-- next job
SELECT DISTINCT TIMESTAMP_TRUNC(`old-row`.`at`, DAY) AS place FROM `core`.`events` AS `old-row` JOIN `platform`.`stage-core-events-attempt` AS `new-row` ON `old-row`.`id` = `new-row`.`id`

-- next job
CREATE OR REPLACE TABLE `platform`.`delta-core-events-attempt` OPTIONS (expiration_timestamp = TIMESTAMP_ADD(CURRENT_TIMESTAMP(), INTERVAL 1 DAY)) AS
SELECT `new-row`.`id` AS v0, `new-row`.`at` AS v1, `new-row`.`updated` AS v2, `new-row`.`amount` AS v3, `old-row`.`is-there` IS NOT NULL AS is_change, FALSE AS is_gone, TIMESTAMP_TRUNC(`old-row`.`at`, DAY) AS old_unit, TIMESTAMP_TRUNC(`new-row`.`at`, DAY) AS new_unit
FROM `platform`.`stage-core-events-attempt` AS `new-row`
LEFT JOIN (SELECT `old-row`.*, TRUE AS `is-there` FROM `core`.`events` AS `old-row` WHERE ((`old-row`.`at` >= @place_start_0 AND `old-row`.`at` < @place_end_0))) AS `old-row` ON `old-row`.`id` = `new-row`.`id`
WHERE IF(FALSE, `old-row`.`is-there`, `old-row`.`is-there` IS NULL OR ((`old-row`.`at` IS DISTINCT FROM `new-row`.`at` OR `old-row`.`updated` IS DISTINCT FROM `new-row`.`updated` OR `old-row`.`amount` IS DISTINCT FROM `new-row`.`amount`) AND NOT COALESCE(`old-row`.`updated` > `new-row`.`updated`, FALSE)));
SELECT unit_start, LOGICAL_OR(was_there) AS is_change FROM (
  SELECT new_unit AS unit_start, is_change AS was_there FROM `platform`.`delta-core-events-attempt` WHERE NOT is_gone
  UNION ALL SELECT old_unit, TRUE FROM `platform`.`delta-core-events-attempt` WHERE is_change
) GROUP BY unit_start

-- next job
BEGIN TRANSACTION;
UPDATE `platform`.`fence-core-events` SET version = IF(version = @known_version, @next_version, ERROR('another run has committed')) WHERE TRUE;
DELETE FROM `core`.`events` AS `old-row` WHERE ((`old-row`.`at` >= @place_start_0 AND `old-row`.`at` < @place_end_0)) AND EXISTS (SELECT 1 FROM `platform`.`delta-core-events-attempt` AS `new-row` WHERE `new-row`.is_change AND `old-row`.`id` = `new-row`.v0);
INSERT INTO `core`.`events` (`id`, `at`, `updated`, `amount`) SELECT v0, v1, v2, v3 FROM `platform`.`delta-core-events-attempt` WHERE NOT is_gone;
INSERT INTO `platform`.`ledger_012` ...;
COMMIT TRANSACTION;
