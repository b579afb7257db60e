CREATE TABLE orders (
  id          serial PRIMARY KEY,
  customer    text NOT NULL,
  total_cents integer NOT NULL CHECK (total_cents >= 0)
);

CREATE TABLE items (
  order_id integer NOT NULL REFERENCES orders ON DELETE CASCADE,
  position integer NOT NULL,
  article  text NOT NULL,
  quantity integer NOT NULL CHECK (quantity > 0),
  cents    integer NOT NULL CHECK (cents >= 0),
  PRIMARY KEY (order_id, position)
);
