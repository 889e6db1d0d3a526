-- Pages of users by status, by whether they are enabled, and of a group: each in the order of `sub`, so that a page costs the same
-- wherever it stands and however many users there are. Those of values that begin alike are in the order of the values.
CREATE INDEX users_by_status ON users (pool_id, status, sub);
CREATE INDEX users_by_enabled ON users (pool_id, enabled, sub);
DROP INDEX members_of_group;
CREATE INDEX members_of_group ON group_members (pool_id, group_name, sub);
DROP INDEX attributes_by_value;
CREATE INDEX attributes_by_value ON user_attributes (name, value, sub);
