/* byte_test, byte_jump, byte_extract, byte_math, base64_decode. */
#include "lib/rules/builder.h"

#include <strings.h>
#include <stddef.h>
#include <stdlib.h>

static enum sek_error new_var(struct builder *b, const char *name, int8_t *out)
{
    for (unsigned i = 0; i < b->var_count; i++) {
        if (!strcmp(b->var_names[i], name)) {
            *out = (int8_t)i;
            return SEK_OK;
        }
    }
    if (b->var_count == SEK_VARS_MAX)
        return builder_fail(b, SEK_ELIMIT, "more than %d variables", SEK_VARS_MAX);
    b->var_names[b->var_count] = sek_arena_strndup(b->arena, name, strlen(name));
    *out = (int8_t)b->var_count++;
    return SEK_OK;
}

/* Options that all of the family share; SEK_ENOTFOUND when ITEM is none of them. */
static enum sek_error common_option(struct sek_bytes_op *op, char *item)
{
    int64_t v;
    static const struct {
        const char *name;
        uint16_t flag;
    } flags[] = {{"relative", SEK_BYTE_RELATIVE}, {"little", SEK_BYTE_LITTLE}, {"big", 0},
                 {"string", SEK_BYTE_STRING},     {"dce", SEK_BYTE_DCE},
                 {"from_beginning", SEK_BYTE_BEGIN}, {"from_end", SEK_BYTE_END}};
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        if (!strcmp(item, flags[i].name)) {
            op->flags |= flags[i].flag;
            return SEK_OK;
        }
    }
    if (!strcmp(item, "hex") || !strcmp(item, "dec") || !strcmp(item, "oct")) {
        op->base = *item == 'h' ? 16 : *item == 'd' ? 10 : 8;
        return SEK_OK;
    }
    if (!strcmp(item, "align")) {
        op->flags |= SEK_BYTE_ALIGN;
        op->alignment = 4;
        return SEK_OK;
    }
    char *value = strchr(item, ' ');
    if (!value)
        return SEK_ENOTFOUND;
    *value++ = '\0';
    value = sek_text_trim(value);
    if (!strcmp(item, "bitmask") && sek_text_int(value, 1, UINT32_MAX, &v)) {
        op->bitmask = (uint64_t)v;
    } else if (!strcmp(item, "multiplier") && sek_text_int(value, 1, 65535, &v)) {
        op->multiplier = (uint32_t)v;
    } else if (!strcmp(item, "post_offset") && sek_text_int(value, -65535, 65535, &v)) {
        op->post_offset = (int32_t)v;
    } else if (!strcmp(item, "align") && (!strcmp(value, "2") || !strcmp(value, "4"))) {
        op->flags |= SEK_BYTE_ALIGN;
        op->alignment = (uint32_t)atoi(value);
    } else if (!strcmp(item, "string")) {
        op->flags |= SEK_BYTE_STRING;
        op->base = !strcmp(value, "hex") ? 16 : !strcmp(value, "oct") ? 8 : 10;
    } else if (!strcmp(item, "endian")) {
        op->flags |= !strcmp(value, "little") ? SEK_BYTE_LITTLE : 0;
    } else {
        value[-1] = ' ';
        return SEK_ENOTFOUND;
    }
    return SEK_OK;
}

static enum sek_error check_count(struct builder *b, const struct sek_bytes_op *op)
{
    int64_t most = op->flags & SEK_BYTE_STRING ? 23 : 8;
    if (op->count.var < 0 && op->count.number > most)
        return builder_fail(b, SEK_EINVAL, "found %lld bytes, expected at most %lld",
                            (long long)op->count.number, (long long)most);
    return SEK_OK;
}

/* Keep OP's detector where the match is that it counts from. */
static enum sek_error placed(struct builder *b, struct sek_bytes_op *op, enum sek_error rc)
{
    if (!rc && op->flags & SEK_BYTE_RELATIVE)
        builder_follow(b, (struct sek_detector *)((char *)op - offsetof(struct sek_detector, bytes)));
    return rc;
}

static struct sek_bytes_op *new_op(struct builder *b, enum sek_detector_kind kind)
{
    struct sek_detector *d = builder_detector(b, b->current, kind);
    if (!d)
        return NULL;
    d->bytes.base = 10;
    d->bytes.multiplier = 1;
    d->bytes.result = -1;
    d->bytes.value.var = d->bytes.count.var = d->bytes.offset.var = -1;
    return &d->bytes;
}

static enum sek_error options(struct builder *b, struct sek_bytes_op *op, char **list)
{
    for (char *item = text_next(list); item; item = text_next(list)) {
        enum sek_error rc = common_option(op, item);
        if (rc == SEK_ENOTFOUND)
            return builder_fail(b, SEK_EINVAL, "'%.40s' is not an option of it", item);
        if (rc)
            return rc;
    }
    return check_count(b, op);
}

static enum sek_error kw_byte_test(struct builder *b, char *arg)
{
    static const struct {
        const char *text;
        enum sek_byte_op op;
    } ops[] = {{"<=", SEK_BYTE_LE}, {">=", SEK_BYTE_GE}, {"<", SEK_BYTE_LT}, {">", SEK_BYTE_GT},
               {"=", SEK_BYTE_EQ},  {"&", SEK_BYTE_AND}, {"^", SEK_BYTE_OR}};
    struct sek_bytes_op *op = new_op(b, SEK_DETECT_BYTE_TEST);
    char *count = text_next(&arg), *sign = text_next(&arg), *value = text_next(&arg);
    char *offset = text_next(&arg);
    if (!op)
        return builder_fail(b, SEK_ENOMEM, "out of memory");
    if (!offset)
        return builder_fail(b, SEK_EINVAL, "expected bytes,operator,value,offset[,options]");
    if (*sign == '!') {
        op->flags |= SEK_BYTE_NEGATED;
        sign = sek_text_trim(sign + 1);
    }
    bool known = !*sign; /* "!" alone means not equal */
    op->op = SEK_BYTE_EQ;
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
        if (!strcmp(sign, ops[i].text)) {
            op->op = (uint8_t)ops[i].op;
            known = true;
        }
    }
    if (!known)
        return builder_fail(b, SEK_EINVAL, "'%.20s' is not an operator", sign);
    enum sek_error rc = value_parse(b, count, 0, 23, &op->count);
    if (!rc)
        rc = value_parse(b, value, 0, INT64_MAX, &op->value);
    if (!rc)
        rc = value_parse(b, offset, -65535, 65535, &op->offset);
    return placed(b, op, rc ? rc : options(b, op, &arg));
}

static enum sek_error kw_byte_jump(struct builder *b, char *arg)
{
    struct sek_bytes_op *op = new_op(b, SEK_DETECT_BYTE_JUMP);
    char *count = text_next(&arg), *offset = text_next(&arg);
    if (!op)
        return builder_fail(b, SEK_ENOMEM, "out of memory");
    if (!offset)
        return builder_fail(b, SEK_EINVAL, "expected bytes,offset[,options]");
    enum sek_error rc = value_parse(b, count, 0, 23, &op->count);
    if (!rc)
        rc = value_parse(b, offset, -65535, 65535, &op->offset);
    return placed(b, op, rc ? rc : options(b, op, &arg));
}

static enum sek_error kw_byte_extract(struct builder *b, char *arg)
{
    struct sek_bytes_op *op = new_op(b, SEK_DETECT_BYTE_EXTRACT);
    char *count = text_next(&arg), *offset = text_next(&arg), *name = text_next(&arg);
    if (!op)
        return builder_fail(b, SEK_ENOMEM, "out of memory");
    if (!name)
        return builder_fail(b, SEK_EINVAL, "expected bytes,offset,name[,options]");
    enum sek_error rc = value_parse(b, count, 1, 23, &op->count);
    if (!rc)
        rc = value_parse(b, offset, -65535, 65535, &op->offset);
    if (!rc)
        rc = options(b, op, &arg);
    return placed(b, op, rc ? rc : new_var(b, name, &op->result));
}

static enum sek_error kw_byte_math(struct builder *b, char *arg)
{
    struct sek_bytes_op *op = new_op(b, SEK_DETECT_BYTE_MATH);
    enum sek_error rc = SEK_OK;
    const char *result = NULL;
    if (!op)
        return builder_fail(b, SEK_ENOMEM, "out of memory");
    for (char *item = text_next(&arg); item && !rc; item = text_next(&arg)) {
        char *value = item + strcspn(item, " \t");
        if (*value) {
            *value++ = '\0';
            value = sek_text_trim(value);
        }
        if (!strcmp(item, "bytes")) {
            rc = value_parse(b, value, 1, 23, &op->count);
        } else if (!strcmp(item, "offset")) {
            rc = value_parse(b, value, -65535, 65535, &op->offset);
        } else if (!strcmp(item, "rvalue")) {
            rc = value_parse(b, value, 0, UINT32_MAX, &op->value);
        } else if (!strcmp(item, "result")) {
            result = value;
        } else if (!strcmp(item, "oper")) {
            if (strcmp(value, "<<") && strcmp(value, ">>") && (!strchr("+-*/", *value) || value[1]))
                rc = builder_fail(b, SEK_EINVAL, "'%.20s' is not an operator", value);
            op->op = (uint8_t)*value;
        } else {
            if (*value)
                value[-1] = ' ';
            rc = common_option(op, item);
            if (rc == SEK_ENOTFOUND)
                rc = builder_fail(b, SEK_EINVAL, "'%.40s' is not an option of it", item);
        }
    }
    if (!rc && (!result || !op->op))
        rc = builder_fail(b, SEK_EINVAL, "needs bytes, offset, oper, rvalue and result");
    if (!rc)
        rc = check_count(b, op);
    return placed(b, op, rc ? rc : new_var(b, result, &op->result));
}

static enum sek_error kw_base64_decode(struct builder *b, char *arg)
{
    struct sek_detector *d = builder_detector(b, b->current, SEK_DETECT_BASE64);
    int64_t v;
    if (!d)
        return builder_fail(b, SEK_ENOMEM, "out of memory");
    for (char *item = arg ? text_next(&arg) : NULL; item; item = text_next(&arg)) {
        if (!strcmp(item, "relative"))
            d->base64.relative = true;
        else if (!strncmp(item, "bytes", 5) && sek_text_int(item + 5, 1, 65535, &v))
            d->base64.bytes = (uint32_t)v;
        else if (!strncmp(item, "offset", 6) && sek_text_int(item + 6, 0, 65535, &v))
            d->base64.offset = (uint32_t)v;
        else
            return builder_fail(b, SEK_EINVAL,
                                "found '%.40s', expected bytes N, offset N or relative", item);
    }
    if (d->base64.relative)
        builder_follow(b, d);
    return SEK_OK;
}

static enum sek_error kw_base64_data(struct builder *b, char *arg)
{
    (void)arg;
    return builder_sticky(b, SEK_TARGET_BASE64, false);
}

const struct keyword sek_byte_keywords[] = {
    {"byte_test", kw_byte_test, ARG_REQUIRED, "compare a number in the buffer"},
    {"byte_jump", kw_byte_jump, ARG_REQUIRED, "move by a number in the buffer"},
    {"byte_extract", kw_byte_extract, ARG_REQUIRED, "keep a number of the buffer"},
    {"byte_math", kw_byte_math, ARG_REQUIRED, "compute with a number of the buffer"},
    {"base64_decode", kw_base64_decode, ARG_OPTIONAL, "decode for base64_data"},
    {"base64_data", kw_base64_data, ARG_NONE, "what base64_decode produced"},
    {0},
};
