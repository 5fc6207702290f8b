/* SPDX-License-Identifier: MIT */
/* The file, its statements and its blocks. */
#include "scenario/parse.h"

#include "scenario/parser.h"

#include <string.h>

enum { REPEAT_MAX = 100000, COPIES_MAX = 10000 };

/* How far a block is: setup, steps and checks stand in this order. */
enum phase { PHASE_FIRST, PHASE_SETUP, PHASE_STEPS, PHASE_CHECKS };

/* One block on its way through the parser; `file` for the outermost one. */
struct block_parser {
    struct drill_parser *p;
    struct drill_file *file;
    struct drill_block *block;
    enum phase phase;
    struct drill_setup **setup;
    struct drill_step **steps;
    struct drill_check **checks;
};

enum statement {
    STATEMENT_DRILL,
    STATEMENT_SETUP,
    STATEMENT_GIVEN,
    STATEMENT_MEET,
    STATEMENT_REPEAT,
    STATEMENT_CONCURRENTLY,
    STATEMENT_VERDICT,
    STATEMENT_DELIVERED
};

struct statement_word {
    const char *word;
    enum statement statement;
    enum drill_setup_kind setup;
};

static const struct statement_word statement_words[] = {
    {"drill", STATEMENT_DRILL, DRILL_SETUP_WHY},
    {"why", STATEMENT_SETUP, DRILL_SETUP_WHY},
    {"mta", STATEMENT_SETUP, DRILL_SETUP_MTA},
    {"milter", STATEMENT_SETUP, DRILL_SETUP_MILTER},
    {"before", STATEMENT_SETUP, DRILL_SETUP_BEFORE},
    {"after", STATEMENT_SETUP, DRILL_SETUP_AFTER},
    {"tls", STATEMENT_SETUP, DRILL_SETUP_TLS},
    {"judge", STATEMENT_SETUP, DRILL_SETUP_JUDGE},
    {"client", STATEMENT_SETUP, DRILL_SETUP_CLIENT},
    {"message", STATEMENT_SETUP, DRILL_SETUP_MESSAGE},
    {"header", STATEMENT_SETUP, DRILL_SETUP_HEADER},
    {"body", STATEMENT_SETUP, DRILL_SETUP_BODY},
    {"smtp", STATEMENT_SETUP, DRILL_SETUP_SMTP},
    {"given", STATEMENT_GIVEN, DRILL_SETUP_WHY},
    {"meet", STATEMENT_MEET, DRILL_SETUP_WHY},
    {"repeat", STATEMENT_REPEAT, DRILL_SETUP_WHY},
    {"concurrently", STATEMENT_CONCURRENTLY, DRILL_SETUP_WHY},
    {"verdict", STATEMENT_VERDICT, DRILL_SETUP_WHY},
    {"delivered", STATEMENT_DELIVERED, DRILL_SETUP_WHY},
};
enum { STATEMENT_WORDS = sizeof(statement_words) / sizeof(statement_words[0]) };

static bool parse_block(struct drill_parser *p, struct drill_block *out, struct drill_file *file);

/* ---- order ---- */

/* Moves the block to the phase of the statement at `pos`; false when that lies behind it. */
static bool enter(struct block_parser *bp, enum phase phase, struct drill_pos pos,
                  struct drill_span word)
{
    static const char *const late[] = {"", "setup lines stand above the first step",
                                       "steps stand above the checks", ""};
    struct drill_lex *lex = &bp->p->lex;
    if (phase == PHASE_SETUP && !bp->file) {
        return drill_lex_fail(lex, pos, DRILL_ERR_VALUE,
                              "`%s` is a setup line: it stands at the top of the file, in no block",
                              drill_brief_of(word).text);
    }
    if (phase >= bp->phase) {
        bp->phase = phase;
        return true;
    }
    bool step = phase == PHASE_SETUP && drill_parse_is_item(DRILL_TO_MILTER, word);
    if (step) {
        return drill_lex_fail(lex, pos, DRILL_ERR_VALUE, "%s; a message is written `> %s`",
                              late[phase], drill_brief_of(word).text);
    }
    return drill_lex_fail(lex, pos, DRILL_ERR_VALUE, "%s", late[phase]);
}

/* ---- statements ---- */

static struct drill_step *new_step(struct block_parser *bp, enum drill_step_kind kind,
                                   struct drill_pos pos, struct drill_span above)
{
    struct drill_step *step = drill_lex_take_memory(&bp->p->lex, sizeof(*step));
    if (step) {
        step->kind = kind;
        step->pos = pos;
        step->trivia.above = above;
        *bp->steps = step;
        bp->steps = &step->next;
    }
    return step;
}

/* `{` and the end of its line. */
static bool open_brace(struct drill_lex *lex, struct drill_span *after)
{
    drill_lex_blanks(lex);
    if (!drill_lex_take(lex, '{')) {
        return drill_lex_fail(lex, drill_lex_pos(lex), DRILL_ERR_SYNTAX,
                              "expected `{` at the end of the line, got %s",
                              drill_lex_came(lex).text);
    }
    return drill_lex_finish(lex, after);
}

/* The inside of a block up to and with its `}`. False: not closed, or too deep. */
static bool inside(struct drill_parser *p, struct drill_block *block, struct drill_pos pos)
{
    if (p->depth == DRILL_PARSE_DEPTH) {
        drill_lex_fail(&p->lex, pos, DRILL_ERR_LIMIT, "blocks nest more than %d deep",
                       DRILL_PARSE_DEPTH);
        p->lex.stop = true;
        return false;
    }
    p->depth++;
    bool closed = parse_block(p, block, NULL);
    p->depth--;
    if (!closed && !p->lex.stop) {
        drill_lex_fail(&p->lex, pos, DRILL_ERR_SYNTAX, "this block is not closed by a `}`");
        p->lex.stop = true;
    }
    return closed;
}

/* n `{`: on a faulty line the block is still gone through, so that its `}` does not astonish. */
static bool parse_copies(struct drill_parser *p, struct drill_step *step, const char *word,
                         uint64_t max, uint64_t *count, struct drill_block *block,
                         struct drill_span *after)
{
    bool fine = drill_parse_count(p, word, max, count) && open_brace(&p->lex, after);
    if (!fine && !drill_lex_skip_line(&p->lex)) {
        return false;
    }
    return inside(p, block, step->pos);
}

/* Behind a `}`. */
static bool finish_block(struct drill_lex *lex, struct drill_block *block)
{
    if (drill_lex_finish(lex, &block->end.after)) {
        return true;
    }
    (void)drill_lex_skip_line(lex);
    return false;
}

/* n `{` ... `}`, and of `concurrently` perhaps `and m {` ... `}`. Passes its own faulty lines. */
static bool parse_blocks(struct block_parser *bp, struct drill_step *step)
{
    struct drill_parser *p = bp->p;
    bool repeat = step->kind == DRILL_STEP_REPEAT;
    if (!parse_copies(p, step, repeat ? "repeat" : "concurrently", repeat ? REPEAT_MAX : COPIES_MAX,
                      &step->count, &step->block, &step->trivia.after)) {
        return false;
    }
    drill_lex_blanks(&p->lex);
    struct drill_span word = drill_lex_peek_name(&p->lex);
    if (repeat || !drill_span_equal(word, drill_span_str("and"))) {
        return finish_block(&p->lex, &step->block);
    }
    p->lex.cur += word.len;
    return parse_copies(p, step, "and", COPIES_MAX, &step->count2, &step->block2,
                        &step->block.end.after) &&
           finish_block(&p->lex, &step->block2);
}

static bool parse_line(struct block_parser *bp, struct drill_pos pos, struct drill_span above,
                       bool given)
{
    struct drill_lex *lex = &bp->p->lex;
    int c = drill_lex_peek(lex);
    if (c != '>' && c != '<') {
        return drill_lex_fail(lex, drill_lex_pos(lex), DRILL_ERR_SYNTAX,
                              "expected `>` or `<` behind `given`, got %s",
                              drill_lex_came(lex).text);
    }
    struct drill_step *step = new_step(bp, DRILL_STEP_LINE, pos, above);
    lex->cur++;
    if (!step) {
        return false;
    }
    step->given = given;
    step->dir = c == '>' ? DRILL_TO_MILTER : DRILL_TO_MTA;
    return drill_parse_items(bp->p, step->dir, &step->items) &&
           drill_lex_finish(lex, &step->trivia.after);
}

static bool parse_setup_line(struct block_parser *bp, enum drill_setup_kind kind,
                             struct drill_pos pos, struct drill_span above)
{
    struct drill_setup *s = drill_lex_take_memory(&bp->p->lex, sizeof(*s));
    if (!s) {
        return false;
    }
    s->kind = kind;
    s->pos = pos;
    s->trivia.above = above;
    *bp->setup = s;
    bp->setup = &s->next;
    return drill_parse_setup(bp->p, s) && drill_lex_finish(&bp->p->lex, &s->trivia.after);
}

static bool parse_check(struct block_parser *bp, bool verdict, struct drill_pos pos,
                        struct drill_span above)
{
    struct drill_check *c = drill_lex_take_memory(&bp->p->lex, sizeof(*c));
    if (!c) {
        return false;
    }
    c->pos = pos;
    c->trivia.above = above;
    *bp->checks = c;
    bp->checks = &c->next;
    return (verdict ? drill_parse_verdict(bp->p, c) : drill_parse_delivered(bp->p, c)) &&
           drill_lex_finish(&bp->p->lex, &c->trivia.after);
}

static bool unknown_statement(struct block_parser *bp, struct drill_pos pos, struct drill_span word)
{
    const char *names[STATEMENT_WORDS];
    struct drill_lex *lex = &bp->p->lex;
    struct drill_brief brief = drill_brief_of(word);
    for (size_t i = 0; i < STATEMENT_WORDS; i++) {
        names[i] = statement_words[i].word;
    }
    if (drill_parse_is_item(DRILL_TO_MILTER, word) || drill_parse_is_item(DRILL_TO_MTA, word)) {
        bool reply = !drill_parse_is_item(DRILL_TO_MILTER, word);
        return drill_lex_fail(lex, pos, DRILL_ERR_SYNTAX, "a message or event is written `%s %s`",
                              reply ? "<" : ">", brief.text);
    }
    struct drill_hint hint = drill_hint_of(word, names, STATEMENT_WORDS);
    return drill_lex_fail(lex, pos, DRILL_ERR_NOTFOUND, "`%s` begins no line of a scenario%s",
                          brief.text, hint.text);
}

static bool parse_worded(struct block_parser *bp, const struct statement_word *w,
                         struct drill_pos pos, struct drill_span above)
{
    struct drill_lex *lex = &bp->p->lex;
    struct drill_step *step;
    switch (w->statement) {
    case STATEMENT_DRILL:
        return drill_lex_fail(lex, pos, DRILL_ERR_VALUE,
                              "`drill 1` stands once, on the first line");
    case STATEMENT_SETUP: return parse_setup_line(bp, w->setup, pos, above);
    case STATEMENT_GIVEN: drill_lex_blanks(lex); return parse_line(bp, pos, above, true);
    case STATEMENT_MEET:
        step = new_step(bp, DRILL_STEP_MEET, pos, above);
        return step && drill_lex_finish(lex, &step->trivia.after);
    case STATEMENT_REPEAT:
        step = new_step(bp, DRILL_STEP_REPEAT, pos, above);
        return step && parse_blocks(bp, step);
    case STATEMENT_CONCURRENTLY:
        step = new_step(bp, DRILL_STEP_CONCURRENTLY, pos, above);
        return step && parse_blocks(bp, step);
    case STATEMENT_VERDICT: return parse_check(bp, true, pos, above);
    case STATEMENT_DELIVERED: return parse_check(bp, false, pos, above);
    }
    return false;
}

static enum phase phase_of(enum statement s)
{
    switch (s) {
    case STATEMENT_DRILL: return PHASE_CHECKS; /* always the wrong place: said there */
    case STATEMENT_SETUP: return PHASE_SETUP;
    case STATEMENT_GIVEN:
    case STATEMENT_MEET:
    case STATEMENT_REPEAT:
    case STATEMENT_CONCURRENTLY: return PHASE_STEPS;
    case STATEMENT_VERDICT:
    case STATEMENT_DELIVERED: return PHASE_CHECKS;
    }
    return PHASE_CHECKS;
}

static bool parse_ellipsis(struct block_parser *bp, struct drill_pos pos, struct drill_span above)
{
    struct drill_step *step = new_step(bp, DRILL_STEP_ELLIPSIS, pos, above);
    return step && drill_lex_finish(&bp->p->lex, &step->trivia.after);
}

/* One statement; the cursor is at it. Blocks take care of their own lines when they fail, so
 * *recovered tells whether the rest of the line still has to be passed. */
static bool parse_statement(struct block_parser *bp, struct drill_span above, bool *recovered)
{
    struct drill_lex *lex = &bp->p->lex;
    struct drill_pos pos = drill_lex_pos(lex);
    struct drill_span word = drill_span_str("...");
    *recovered = false;
    int c = drill_lex_peek(lex);
    if (c == '>' || c == '<') {
        return enter(bp, PHASE_STEPS, pos, word) && parse_line(bp, pos, above, false);
    }
    if (c == '.' && drill_lex_take_text(lex, "...")) {
        return enter(bp, PHASE_STEPS, pos, word) && parse_ellipsis(bp, pos, above);
    }
    word = drill_lex_peek_name(lex);
    if (word.len == 0) {
        return drill_lex_fail(lex, pos, DRILL_ERR_SYNTAX,
                              "expected `>`, `<`, `...` or a word, got %s",
                              drill_lex_came(lex).text);
    }
    for (size_t i = 0; i < STATEMENT_WORDS; i++) {
        const struct statement_word *w = &statement_words[i];
        if (drill_span_equal(drill_span_str(w->word), word)) {
            *recovered = w->statement == STATEMENT_REPEAT || w->statement == STATEMENT_CONCURRENTLY;
            bool first = w->statement != STATEMENT_DRILL;
            if (first && !enter(bp, phase_of(w->statement), pos, word) && !*recovered) {
                return false;
            }
            lex->cur += word.len;
            return parse_worded(bp, w, pos, above);
        }
    }
    return unknown_statement(bp, pos, word);
}

/* ---- blocks and the file ---- */

static void strip_first_blank(struct drill_span *above)
{
    if (above->len && above->ptr[0] == '\n') {
        *above = drill_span_sub(*above, 1, above->len);
    }
}

static void strip_last_blank(struct drill_span *above)
{
    bool whole = above->len == 1 && above->ptr[0] == '\n';
    if (whole || (above->len > 1 && above->ptr[above->len - 2] == '\n')) {
        above->len--;
    }
}

/* The scenario's first statement must be its first line; any other is parsed where it stands. */
static bool at_first(struct block_parser *bp, struct drill_span above)
{
    struct drill_lex *lex = &bp->p->lex;
    struct drill_span word = drill_lex_peek_name(lex);
    static const char *const drill = "drill";
    bp->phase = PHASE_SETUP;
    if (!drill_span_equal(word, drill_span_str(drill))) {
        struct drill_hint hint = drill_hint_of(word, &drill, 1);
        drill_lex_fail(lex, drill_lex_pos(lex), DRILL_ERR_SYNTAX,
                       "the first line must be drill 1 \"the question\"; got %s%s",
                       drill_lex_came(lex).text, hint.text);
        if (hint.text[0]) {
            (void)drill_lex_skip_line(lex);
        }
        return hint.text[0] != '\0';
    }
    lex->cur += word.len;
    bp->file->trivia.above = above;
    if (!drill_parse_first(bp->p, bp->file) || !drill_lex_finish(lex, &bp->file->trivia.after)) {
        (void)drill_lex_skip_line(lex);
    }
    return true;
}

/* True at the `}` (taken) or, of the file, at the end. */
static bool parse_block(struct drill_parser *p, struct drill_block *out, struct drill_file *file)
{
    struct block_parser bp = {.p = p, .file = file, .block = out};
    struct drill_lex *lex = &p->lex;
    struct drill_span above;
    bool recovered;
    bp.phase = file ? PHASE_FIRST : PHASE_STEPS;
    bp.setup = file ? &file->setup : NULL;
    bp.steps = &out->steps;
    bp.checks = &out->checks;
    for (bool first = true; !lex->stop && drill_lex_above(lex, &above); first = false) {
        if (first) {
            strip_first_blank(&above);
        }
        bool end = drill_lex_peek(lex) < 0;
        if (bp.phase == PHASE_FIRST && at_first(&bp, above)) {
            continue;
        }
        if (end || (!file && drill_lex_take(lex, '}'))) {
            strip_last_blank(&above);
            out->end.above = above;
            return end == (file != NULL);
        }
        if (drill_lex_peek(lex) == '}') {
            drill_lex_fail(lex, drill_lex_pos(lex), DRILL_ERR_SYNTAX, "this `}` closes no block");
            (void)drill_lex_skip_line(lex);
        } else if (!parse_statement(&bp, above, &recovered) && !recovered) {
            (void)drill_lex_skip_line(lex);
        }
    }
    return false;
}

/* The first byte that is no UTF-8; s.len when all of it is. */
static size_t first_bad_utf8(struct drill_span s)
{
    size_t at = 0;
    while (at < s.len) {
        uint8_t c = s.ptr[at];
        size_t more = c < 0x80 ? 0 : c >= 0xc2 && c < 0xe0 ? 1 : (c & 0xf0) == 0xe0 ? 2 : 3;
        if ((c >= 0x80 && c < 0xc2) || c > 0xf4 || more > s.len - at - 1) {
            return at;
        }
        for (size_t i = 1; i <= more; i++) {
            if ((s.ptr[at + i] & 0xc0) != 0x80) {
                return at;
            }
        }
        bool bad = (c == 0xe0 && s.ptr[at + 1] < 0xa0) || (c == 0xed && s.ptr[at + 1] > 0x9f) ||
                   (c == 0xf0 && s.ptr[at + 1] < 0x90) || (c == 0xf4 && s.ptr[at + 1] > 0x8f);
        if (bad) {
            return at;
        }
        at += more + 1;
    }
    return at;
}

static bool check_text(struct drill_lex *lex, struct drill_span source)
{
    size_t at = first_bad_utf8(source);
    struct drill_pos pos = {1, 1};
    if (at == source.len) {
        return true;
    }
    for (size_t i = 0; i < at; i++) {
        pos.column++;
        if (source.ptr[i] == '\n') {
            pos.line++;
            pos.column = 1;
        }
    }
    return drill_lex_fail(lex, pos, DRILL_ERR_SYNTAX,
                          "this is no UTF-8 text; write the byte 0x%02x as \\x%02x in a string",
                          source.ptr[at], source.ptr[at]);
}

const struct drill_file *drill_parse(struct drill_span source, const char *name,
                                     const struct drill_loader *loader, struct drill_arena *arena,
                                     struct drill_errors *errors)
{
    struct drill_parser p = {.loader = loader};
    errors->count = 0;
    drill_lex_init(&p.lex, drill_span_of(NULL, 0), name, arena, errors);
    if (source.len > DRILL_PARSE_SOURCE_MAX) {
        drill_lex_fail(&p.lex, drill_lex_pos(&p.lex), DRILL_ERR_LIMIT,
                       "a scenario has at most %d MiB; move large values to files",
                       DRILL_PARSE_SOURCE_MAX >> 20);
        return NULL;
    }
    /* Names and numbers of the AST point into this copy. */
    struct drill_span kept = drill_arena_copy(arena, source);
    struct drill_file *file = kept.ptr ? drill_arena_take(arena, sizeof(*file)) : NULL;
    if (!file) {
        drill_lex_no_memory(&p.lex);
        return NULL;
    }
    drill_lex_init(&p.lex, kept, name, arena, errors);
    if (check_text(&p.lex, kept)) {
        (void)parse_block(&p, &file->body, file);
    }
    return errors->count ? NULL : file;
}

/* ---- showing the place ---- */

void drill_parse_caret(struct drill_span source, const struct drill_error *err,
                       struct drill_writer *w)
{
    enum { WIDTH = 100 };
    char text[DRILL_ERROR_TEXT + DRILL_ERROR_FILE + 64];
    struct drill_span rest = source;
    drill_write_bytes(w, drill_span_of(text, drill_error_format(err, text, sizeof(text))));
    drill_write_u8(w, '\n');
    if (err->line == 0 || err->column == 0) {
        return;
    }
    for (uint32_t i = 1; i < err->line && rest.len; i++) {
        rest = drill_span_sub(rest, drill_span_find(rest, '\n') + 1, rest.len);
    }
    struct drill_span line = drill_span_sub(rest, 0, drill_span_find(rest, '\n'));
    /* Of a long line, the part around the place. */
    size_t column = err->column - 1 < line.len ? err->column - 1 : line.len;
    size_t from = column > WIDTH / 2 && line.len > WIDTH ? column - WIDTH / 2 : 0;
    struct drill_span shown = drill_span_sub(line, from, WIDTH);
    drill_write_text(w, "  ");
    for (size_t i = 0; i < shown.len; i++) {
        uint8_t c = shown.ptr[i];
        drill_write_u8(w, c < 0x20 || c == 0x7f ? ' ' : c);
    }
    drill_write_text(w, "\n  ");
    for (size_t i = from; i < column; i++) {
        /* One column for a character, not for each of its bytes. */
        if ((line.ptr[i] & 0xc0) != 0x80) {
            drill_write_u8(w, ' ');
        }
    }
    drill_write_text(w, "^\n");
}
