-- parameters: definition_id
SELECT body, format FROM definitions WHERE definition_id = ?
