"""`linli rules`: what people who write rules work with."""
