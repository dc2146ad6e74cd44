-- Whether a registered CA stands behind a certificate is read from the CAs themselves.
ALTER TABLE certificate_issuers DROP COLUMN is_gone;
