"""The clauses with memory: one module a clause behind one contract. Pure."""
