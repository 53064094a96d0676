// Words before "(": `oneof`, `anyof`, `allof`, and names of functions. Elsewhere the same words are names or values.
#include "tree_sitter/parser.h"

enum { FUNCTION, QUANTIFIER };

static bool is_blank(int32_t c) { return c == ' ' || c == '\t' || c == '\b' || c == '\r' || c == '\n'; }
static bool is_letter(int32_t c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

void *tree_sitter_route_external_scanner_create(void) { return 0; }
void tree_sitter_route_external_scanner_destroy(void *payload) { (void)payload; }
unsigned tree_sitter_route_external_scanner_serialize(void *payload, char *buffer) {
  (void)payload, (void)buffer;
  return 0;
}
void tree_sitter_route_external_scanner_deserialize(void *payload, const char *buffer, unsigned length) {
  (void)payload, (void)buffer, (void)length;
}

// Reads a word. Returns its place in `known`, or -1.
static int read_word(TSLexer *lexer, const char *const *known) {
  char word[6] = {0};
  unsigned length = 0;
  while (is_letter(lexer->lookahead) || (lexer->lookahead >= '0' && lexer->lookahead <= '9') || lexer->lookahead == '_') {
    if (length < sizeof word) word[length] = (char)lexer->lookahead;
    length++;
    lexer->advance(lexer, false);
  }
  for (int each = 0; length < sizeof word && known[each]; each++) {
    unsigned same = 0;
    while (known[each][same] && known[each][same] == word[same]) same++;
    if (!known[each][same] && same == length) return each;
  }
  return -1;
}

bool tree_sitter_route_external_scanner_scan(void *payload, TSLexer *lexer, const bool *valid_symbols) {
  static const char *const known[] = {"not", "oneof", "anyof", "allof", 0};
  (void)payload;
  while (is_blank(lexer->lookahead)) lexer->advance(lexer, true);
  if (!is_letter(lexer->lookahead)) return false;
  int found = read_word(lexer, known);
  bool is_quantifier = found > 0 && valid_symbols[QUANTIFIER];
  lexer->mark_end(lexer);
  if (valid_symbols[FUNCTION] && lexer->lookahead == '(' && found != 0 && !is_quantifier) {
    lexer->result_symbol = FUNCTION;
    return true;
  }
  while (is_blank(lexer->lookahead)) lexer->advance(lexer, false);
  lexer->result_symbol = QUANTIFIER;
  return is_quantifier && lexer->lookahead == '(';
}
