-- sessions: visits of a day with where each came from and what it did
WITH events AS (
  SELECT
    user_pseudo_id,
    event_name,
    TIMESTAMP_MICROS(event_timestamp) AS at,
    (SELECT value.int_value FROM UNNEST(event_params) WHERE key = 'ga_session_id') AS session,
    (SELECT value.string_value FROM UNNEST(event_params) WHERE key = 'page_location') AS page,
    (SELECT COALESCE(value.int_value, CAST(value.double_value AS INT64)) FROM UNNEST(event_params) WHERE key = 'engagement_time_msec') AS engaged,
    device.category AS device,
    geo.country AS country,
    COALESCE(collected.source, traffic_source.source, '(direct)') AS source,
    COALESCE(collected.medium, traffic_source.medium, '(none)') AS medium
  FROM web.events
  WHERE day >= DATE(@window_start) AND day < DATE(@window_end)
),
visits AS (
  SELECT
    user_pseudo_id,
    session,
    MIN(at) AS started_at,
    MAX(at) AS ended_at,
    ARRAY_AGG(page IGNORE NULLS ORDER BY at, page LIMIT 1)[SAFE_OFFSET(0)] AS landing_page,
    ARRAY_AGG(STRUCT(source, medium) ORDER BY at, source, medium LIMIT 1)[OFFSET(0)] AS came,
    COUNTIF(event_name = 'page_view') AS pages,
    COUNTIF(event_name = 'purchase') AS purchases,
    SUM(engaged) / 1000 AS engaged_seconds,
    MAX(device) AS device,
    MAX(country) AS country
  FROM events
  WHERE session IS NOT NULL
  GROUP BY user_pseudo_id, session
)
SELECT
  DATE(started_at) AS day,
  TO_HEX(MD5(CONCAT(user_pseudo_id, '-', CAST(session AS STRING)))) AS visit_id,
  user_pseudo_id,
  started_at,
  TIMESTAMP_DIFF(ended_at, started_at, SECOND) AS seconds,
  REGEXP_REPLACE(landing_page, r'[?#].*$', '') AS landing_page,
  NET.HOST(landing_page) AS host,
  CASE
    WHEN came.medium IN ('cpc', 'ppc', 'paidsearch') THEN 'paid search'
    WHEN came.medium = 'organic' THEN 'search'
    WHEN REGEXP_CONTAINS(came.source, r'(?i)facebook|instagram|tiktok') THEN 'social'
    WHEN came.medium = 'email' THEN 'mail'
    WHEN came.source = '(direct)' THEN 'direct'
    ELSE 'other'
  END AS channel,
  pages,
  purchases > 0 AS bought,
  engaged_seconds >= 10 OR pages > 1 OR purchases > 0 AS engaged,
  device,
  country
FROM visits

-- funnel: how many of those who saw an item bought it, by device
WITH steps AS (
  SELECT
    day,
    user_pseudo_id,
    device.category AS device,
    MIN(IF(event_name = 'view_item', event_timestamp, NULL)) AS seen,
    MIN(IF(event_name = 'add_to_cart', event_timestamp, NULL)) AS put,
    MIN(IF(event_name = 'begin_checkout', event_timestamp, NULL)) AS began,
    MIN(IF(event_name = 'purchase', event_timestamp, NULL)) AS bought
  FROM web.events
  WHERE day >= DATE(@window_start) AND day < DATE(@window_end)
    AND event_name IN ('view_item', 'add_to_cart', 'begin_checkout', 'purchase')
  GROUP BY day, user_pseudo_id, device
)
SELECT
  day,
  device,
  COUNT(seen) AS saw,
  COUNTIF(put > seen) AS put_into_cart,
  COUNTIF(began > put AND put > seen) AS began_checkout,
  COUNTIF(bought > began AND began > put AND put > seen) AS bought,
  SAFE_DIVIDE(COUNTIF(bought > seen), COUNT(seen)) AS rate,
  ROUND(100 * COUNT(seen) / NULLIF(SUM(COUNT(seen)) OVER (PARTITION BY day), 0), 1) AS share
FROM steps
GROUP BY day, device

-- items: what was bought on the web, by item
SELECT
  day,
  item.item_id,
  ANY_VALUE(item.item_name HAVING MAX event_timestamp) AS name,
  COALESCE(item.item_category, '(none)') AS category,
  COUNT(DISTINCT ecommerce.transaction_id) AS purchases,
  SUM(item.quantity) AS pieces,
  ROUND(SUM(item.price * item.quantity), 2) AS revenue,
  STRING_AGG(DISTINCT geo.country, ', ' ORDER BY geo.country) AS countries
FROM web.events
CROSS JOIN UNNEST(items) AS item
WHERE event_name = 'purchase'
  AND day >= DATE(@window_start) AND day < DATE(@window_end)
  AND EXISTS (
    SELECT 1 FROM UNNEST(event_params) AS parameter
    WHERE parameter.key = 'currency' AND parameter.value.string_value = 'EUR'
  )
GROUP BY day, item.item_id, category
HAVING pieces > 0

-- revenue: a day's revenue by country, with the week before it
WITH paid AS (
  SELECT DATE(p.captured_at) AS day, o.country, p.amount, o.user_id, o.order_id
  FROM core.payments AS p
  JOIN core.orders AS o ON o.order_id = p.order_id
  WHERE p.captured_at >= @window_start - INTERVAL 7 DAY AND p.captured_at < @window_end
    AND p.status = 'captured'
),
by_day AS (
  SELECT
    day,
    COALESCE(country, '??') AS country,
    SUM(amount) AS revenue,
    COUNT(DISTINCT user_id) AS buyers,
    COUNT(*) AS orders
  FROM paid
  GROUP BY day, country
),
compared AS (
  SELECT
    *,
    AVG(revenue) OVER (PARTITION BY country ORDER BY UNIX_DATE(day) RANGE BETWEEN 7 PRECEDING AND 1 PRECEDING) AS usual,
    LAG(revenue) OVER (PARTITION BY country ORDER BY day) AS day_before,
    RANK() OVER (PARTITION BY day ORDER BY revenue DESC) AS place
  FROM by_day
)
SELECT
  day,
  country,
  revenue,
  buyers,
  orders,
  SAFE_DIVIDE(revenue, orders) AS per_order,
  SAFE_DIVIDE(revenue - usual, usual) AS above_usual,
  IF(day_before IS NULL, 'new', IF(revenue >= day_before, 'up', 'down')) AS trend,
  place
FROM compared
WHERE day >= DATE(@window_start) AND day < DATE(@window_end)

-- customers: each buyer's first and last order, and what kind of buyer this is
WITH latest AS (
  SELECT *
  FROM core.orders
  WHERE status NOT IN ('cancelled', 'refunded')
  QUALIFY ROW_NUMBER() OVER (PARTITION BY order_id ORDER BY updated_at DESC) = 1
),
totals AS (
  SELECT
    o.user_id,
    COUNT(*) AS orders,
    MIN(o.created_at) AS first_at,
    MAX(o.created_at) AS last_at,
    SUM((SELECT SUM(item.price * item.quantity) FROM UNNEST(o.items) AS item)) AS spent,
    COUNT(DISTINCT o.coupon) AS coupons,
    LOGICAL_OR(EXISTS (SELECT 1 FROM UNNEST(o.items) AS item WHERE item.category = 'garden')) AS gardens
  FROM latest AS o
  GROUP BY o.user_id
),
scored AS (
  SELECT
    *,
    NTILE(5) OVER (ORDER BY last_at, user_id) AS recency,
    NTILE(5) OVER (ORDER BY orders, user_id) AS frequency,
    NTILE(5) OVER (ORDER BY spent, user_id) AS amount
  FROM totals
)
SELECT
  s.user_id,
  LOWER(TRIM(u.email)) AS email,
  REGEXP_EXTRACT(u.email, r'@(.+)$') AS domain,
  u.country,
  s.orders,
  DATE(s.first_at) AS first_day,
  DATE(s.last_at, 'Europe/Berlin') AS last_day,
  DATE_DIFF(DATE(s.last_at), DATE(s.first_at), DAY) AS days,
  ROUND(s.spent, 2) AS spent,
  CASE
    WHEN s.recency >= 4 AND s.frequency >= 4 THEN 'loyal'
    WHEN s.recency >= 4 THEN 'new'
    WHEN s.frequency >= 4 AND s.amount >= 4 THEN 'lost, and good'
    ELSE 'other'
  END AS kind,
  FORMAT('%d%d%d', s.recency, s.frequency, s.amount) AS score,
  IFNULL(s.gardens, FALSE) AS gardens
FROM scored AS s
LEFT JOIN core.users AS u USING (user_id)

-- cohorts: who came back in which month after the first order
WITH firsts AS (
  SELECT user_id, DATE_TRUNC(DATE(MIN(created_at)), MONTH) AS cohort
  FROM core.orders
  GROUP BY user_id
),
active AS (
  SELECT DISTINCT user_id, DATE_TRUNC(DATE(created_at), MONTH) AS month
  FROM core.orders
  WHERE status != 'cancelled'
),
months AS (
  SELECT month
  FROM UNNEST(GENERATE_DATE_ARRAY(DATE '2026-01-01', DATE '2026-12-01', INTERVAL 1 MONTH)) AS month
),
counted AS (
  SELECT f.cohort, DATE_DIFF(a.month, f.cohort, MONTH) AS age, COUNT(DISTINCT a.user_id) AS users
  FROM firsts AS f
  JOIN active AS a ON a.user_id = f.user_id AND a.month >= f.cohort
  GROUP BY cohort, age
)
SELECT
  m.month AS cohort,
  c.age,
  COALESCE(c.users, 0) AS users,
  SAFE_DIVIDE(c.users, FIRST_VALUE(c.users) OVER (PARTITION BY m.month ORDER BY c.age)) AS kept,
  SUM(c.users) OVER (PARTITION BY c.age ORDER BY m.month ROWS BETWEEN 2 PRECEDING AND CURRENT ROW) AS of_three_cohorts
FROM months AS m
LEFT JOIN counted AS c ON c.cohort = m.month

-- messages: parts of JSON, with what is broken kept apart
SELECT
  DATE(received_at) AS day,
  JSON_VALUE(payload, '$.id') AS message_id,
  UPPER(JSON_VALUE(payload, '$.kind')) AS kind,
  SAFE_CAST(JSON_VALUE(payload, '$.amount') AS NUMERIC) AS amount,
  SAFE.PARSE_TIMESTAMP('%Y-%m-%dT%H:%M:%E*SZ', JSON_VALUE(payload, '$.sent_at')) AS sent_at,
  COALESCE(
    SAFE.PARSE_DATE('%Y-%m-%d', JSON_VALUE(payload, '$.due')),
    SAFE.PARSE_DATE('%d.%m.%Y', JSON_VALUE(payload, '$.due'))
  ) AS due,
  ARRAY_LENGTH(JSON_QUERY_ARRAY(payload, '$.lines')) AS lines,
  (
    SELECT SUM(SAFE_CAST(JSON_VALUE(line, '$.price') AS NUMERIC) * SAFE_CAST(JSON_VALUE(line, '$.quantity') AS INT64))
    FROM UNNEST(JSON_QUERY_ARRAY(payload, '$.lines')) AS line
  ) AS total,
  ARRAY(
    SELECT AS STRUCT JSON_VALUE(line, '$.sku') AS sku, place
    FROM UNNEST(JSON_QUERY_ARRAY(payload, '$.lines')) AS line WITH OFFSET AS place
    WHERE JSON_VALUE(line, '$.sku') IS NOT NULL
    ORDER BY place
  ) AS skus,
  names.label AS source,
  SPLIT(JSON_VALUE(payload, '$.path'), '/')[SAFE_OFFSET(1)] AS section
FROM core.messages
LEFT JOIN UNNEST([
  STRUCT('w' AS code, 'web' AS label), ('a', 'app'), ('s', 'shop'), ('x', NULL)
]) AS names ON names.code = JSON_VALUE(payload, '$.from')
WHERE received_at >= @window_start AND received_at < @window_end

-- months: one row per item with a column for each month, and totals below
WITH sold AS (
  SELECT item.sku, item.category, FORMAT_TIMESTAMP('%m', o.created_at) AS month, item.price * item.quantity AS amount
  FROM core.orders AS o, UNNEST(o.items) AS item
  WHERE o.created_at >= TIMESTAMP '2026-01-01' AND o.created_at < TIMESTAMP '2026-04-01'
),
wide AS (
  SELECT *
  FROM sold
  PIVOT (SUM(amount) AS amount, COUNT(*) AS pieces FOR month IN ('01' AS january, '02' AS february, '03' AS march))
)
SELECT
  category,
  COALESCE(sku, 'all') AS item,
  SUM(amount_january) AS january,
  SUM(amount_february) AS february,
  SUM(amount_march) AS march,
  SUM(pieces_january + pieces_february + pieces_march) AS pieces,
  GROUPING(sku) = 1 AS is_total
FROM wide
GROUP BY ROLLUP (category, sku)
UNION ALL
SELECT '(payments)', method, SUM(IF(month = 1, amount, 0)), SUM(IF(month = 2, amount, 0)), SUM(IF(month = 3, amount, 0)), COUNT(*), FALSE
FROM (SELECT method, amount, EXTRACT(MONTH FROM captured_at) AS month FROM core.payments)
GROUP BY method
