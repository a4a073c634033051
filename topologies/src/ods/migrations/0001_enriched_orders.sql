-- Enriched orders as rows, and how far the topic has been read: both change in one transaction.

CREATE TABLE cdc_orders_enriched (
    order_id        BIGINT PRIMARY KEY,
    customer_id     BIGINT,
    customer_name   TEXT,
    customer_tier   TEXT,
    customer_region TEXT,
    order_date      TIMESTAMPTZ,
    status          TEXT,
    total_amount    NUMERIC(15, 2),
    -- The 5-minute window of order_date.
    window_start    TIMESTAMPTZ,
    window_end      TIMESTAMPTZ,
    source_ts       TIMESTAMPTZ NOT NULL,
    processed_at    TIMESTAMPTZ NOT NULL DEFAULT now(),
    -- The version: where in the topic this state was read. Offsets compare within a partition only.
    src_partition   INTEGER NOT NULL,
    src_offset      BIGINT NOT NULL
);

CREATE TABLE cdc_orders_enriched_items (
    order_id     BIGINT NOT NULL REFERENCES cdc_orders_enriched (order_id) ON DELETE CASCADE,
    item_id      BIGINT NOT NULL,
    product_id   BIGINT,
    product_name TEXT,
    category     TEXT,
    quantity     BIGINT,
    unit_price   NUMERIC,
    subtotal     NUMERIC,
    PRIMARY KEY (order_id, item_id)
);

CREATE TABLE cdc_exit_offsets (
    consumer_group TEXT NOT NULL,
    topic          TEXT NOT NULL,
    partition      INTEGER NOT NULL,
    next_offset    BIGINT NOT NULL,
    updated_at     TIMESTAMPTZ NOT NULL DEFAULT now(),
    PRIMARY KEY (consumer_group, topic, partition)
);
