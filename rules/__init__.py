"""From events to alerts: rule files, the engine, the alert lifecycle, and the journal that outlives a kill."""
