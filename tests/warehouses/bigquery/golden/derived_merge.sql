DECLARE fence_version INT64;
CREATE OR REPLACE TABLE `platform`.`stage-derived-first_use-attempt` (`id` INT64, `first` TIMESTAMP, `last` TIMESTAMP, `amount` NUMERIC)
OPTIONS (expiration_timestamp = TIMESTAMP_ADD(CURRENT_TIMESTAMP(), INTERVAL 1 DAY)) AS
SELECT `id`, `first`, `last`, `amount` FROM (
SELECT id, `at` AS first, `at` AS last, amount FROM core.log WHERE `at` >= @window_start AND `at` < @window_end
);
SET fence_version = (SELECT version FROM `platform`.`fence-derived-first_use`);
SELECT
  fence_version AS `version`,
  (SELECT AS STRUCT version, kind, run_id, run_by, window_start, window_end, committed_at, `rows`, touched, copied FROM `platform`.`ledger_080` WHERE table_name = @identity AND (kind IN ('commit', 'part', 'trim', 'accept') AND COALESCE(window_start < @window_end AND @window_start < window_end, TRUE) AND COALESCE(generation, 0) = @generation OR kind = 'accept' AND COALESCE(generation, 0) = 0 OR kind IN ('begin', 'swap', 'abandon')) ORDER BY version DESC LIMIT 1) AS `newest`,
  (SELECT COUNT(*) FROM `platform`.`quarantine_080` WHERE table_name = @holder) AS `quarantined`,
  (SELECT COUNT(*) FROM `platform`.`stage-derived-first_use-attempt`) AS `staged`,
  (SELECT AS STRUCT COALESCE(LOGICAL_OR(`id` IS NULL), FALSE) AS k0 FROM (SELECT `id` FROM `platform`.`stage-derived-first_use-attempt` UNION ALL SELECT `v_id` FROM `derived`.`first_use-parts` WHERE window_start >= @window_start AND window_start < @window_end)) AS `nulls`,
  (SELECT COALESCE(SUM(`same-key` - 1), 0) FROM (SELECT COUNT(*) AS `same-key` FROM `platform`.`stage-derived-first_use-attempt` GROUP BY `id`)) AS `surplus`

-- next job
CREATE OR REPLACE TABLE `platform`.`moved-derived-first_use-attempt` OPTIONS (expiration_timestamp = TIMESTAMP_ADD(CURRENT_TIMESTAMP(), INTERVAL 1 DAY)) AS
SELECT DISTINCT k0 FROM (
  SELECT `id` AS k0, `id` AS c0, `first` AS c1, `last` AS c2, `amount` AS c3, 1 AS is_new FROM `platform`.`stage-derived-first_use-attempt`
  UNION ALL SELECT `v_id` AS k0, `v_id` AS c0, `v_first` AS c1, `v_last` AS c2, `v_amount` AS c3, -1 FROM `derived`.`first_use-parts` WHERE window_start >= @window_start AND window_start < @window_end
) GROUP BY k0, c0, c1, c2, c3 HAVING SUM(is_new) <> 0;
SELECT COUNT(*) AS n FROM `platform`.`moved-derived-first_use-attempt`

-- next job
CREATE OR REPLACE TABLE `platform`.`delta-derived-first_use-attempt` OPTIONS (expiration_timestamp = TIMESTAMP_ADD(CURRENT_TIMESTAMP(), INTERVAL 1 DAY)) AS
SELECT `new-row`.`id` AS v0, `new-row`.`first` AS v1, `new-row`.`last` AS v2, `new-row`.`amount` AS v3, `old-row`.`is-there` IS NOT NULL AS is_change, `new-row`.`is-gone` AS is_gone, CAST(NULL AS TIMESTAMP) AS old_unit, CAST(NULL AS TIMESTAMP) AS new_unit
FROM (SELECT `new-row`.k0 AS `id`, MIN(`old-row`.`v_first`) AS `first`, MAX(`old-row`.`v_last`) AS `last`, ARRAY_AGG(STRUCT(`old-row`.`v_amount` AS v) ORDER BY `old-row`.`v_last` IS NOT NULL DESC, `old-row`.`v_last` DESC, `old-row`.window_start DESC, `old-row`.place DESC LIMIT 1)[OFFSET(0)].v AS `amount`, COUNT(`old-row`.window_start) = 0 AS `is-gone`
FROM `platform`.`moved-derived-first_use-attempt` AS `new-row`
LEFT JOIN (SELECT `window_start`, `place`, `v_id`, `v_first`, `v_last`, `v_amount` FROM `derived`.`first_use-parts` WHERE NOT (window_start >= @window_start AND window_start < @window_end) UNION ALL SELECT @window_start AS window_start, ROW_NUMBER() OVER (PARTITION BY `id` ORDER BY TO_JSON_STRING(STRUCT(`id`, `first`, `last`, `amount`))) AS place, `id` AS `v_id`, `first` AS `v_first`, `last` AS `v_last`, `amount` AS `v_amount` FROM `platform`.`stage-derived-first_use-attempt`) AS `old-row` ON `old-row`.`v_id` = `new-row`.k0
GROUP BY `new-row`.k0) AS `new-row`
LEFT JOIN (SELECT `old-row`.*, TRUE AS `is-there` FROM `derived`.`first_use` AS `old-row` WHERE TRUE) AS `old-row` ON `old-row`.`id` = `new-row`.`id`
WHERE IF(`new-row`.`is-gone`, `old-row`.`is-there`, `old-row`.`is-there` IS NULL OR ((`old-row`.`first` IS DISTINCT FROM `new-row`.`first` OR `old-row`.`last` IS DISTINCT FROM `new-row`.`last` OR `old-row`.`amount` IS DISTINCT FROM `new-row`.`amount`) AND NOT FALSE));
SELECT unit_start, LOGICAL_OR(was_there) AS is_change FROM (
  SELECT new_unit AS unit_start, is_change AS was_there FROM `platform`.`delta-derived-first_use-attempt` WHERE NOT is_gone
  UNION ALL SELECT old_unit, TRUE FROM `platform`.`delta-derived-first_use-attempt` WHERE is_change
) GROUP BY unit_start

-- next job
BEGIN TRANSACTION;
UPDATE `platform`.`fence-derived-first_use` SET version = IF(version = @known_version, @next_version, ERROR('another run has committed')) WHERE TRUE;
DELETE FROM `derived`.`first_use-parts` WHERE window_start >= @window_start AND window_start < @window_end;
INSERT INTO `derived`.`first_use-parts` (`window_start`, `place`, `v_id`, `v_first`, `v_last`, `v_amount`) SELECT @window_start AS window_start, ROW_NUMBER() OVER (PARTITION BY `id` ORDER BY TO_JSON_STRING(STRUCT(`id`, `first`, `last`, `amount`))) AS place, `id` AS `v_id`, `first` AS `v_first`, `last` AS `v_last`, `amount` AS `v_amount` FROM `platform`.`stage-derived-first_use-attempt`;
DELETE FROM `derived`.`first_use` AS `old-row` WHERE TRUE AND EXISTS (SELECT 1 FROM `platform`.`delta-derived-first_use-attempt` AS `new-row` WHERE `new-row`.is_change AND `old-row`.`id` = `new-row`.v0);
INSERT INTO `derived`.`first_use` (`id`, `first`, `last`, `amount`) SELECT v0, v1, v2, v3 FROM `platform`.`delta-derived-first_use-attempt` WHERE NOT is_gone;
INSERT INTO `platform`.`ledger_080` ...;
COMMIT TRANSACTION;
