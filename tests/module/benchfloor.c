/*
 * The floors of the benchmark: what a count and a clear cost at the least, without slices, without judging and
 * without telling replicas. Nothing else runs on the server meanwhile. Never load it where data matter.
 *
 *   BENCHFLOOR.WALK key                  reads every element, index 0 upwards: how many there are
 *   BENCHFLOOR.DELETE key indexes        the same walk; deletes the elements of these indexes (ascending, packed
 *                                        as uint32 in the machine's byte order): how many went
 */
#include <stdint.h>
#include <string.h>

#include "redismodule.h"

/* The mark at this place of the packed ones; UINT32_MAX behind the last. */
static uint32_t mark_at(const char *packed, size_t len, size_t place) {
    uint32_t mark = UINT32_MAX;
    if ((place + 1) * sizeof mark <= len) memcpy(&mark, packed + place * sizeof mark, sizeof mark);
    return mark;
}

static int walk(RedisModuleCtx *ctx, RedisModuleString **argv, int argc) {
    if (argc != 2) return RedisModule_WrongArity(ctx);
    RedisModuleKey *key = RedisModule_OpenKey(ctx, argv[1], REDISMODULE_READ);
    if (key == NULL || RedisModule_KeyType(key) != REDISMODULE_KEYTYPE_LIST)
        return RedisModule_ReplyWithError(ctx, "ERR no list");
    long long read = 0;
    size_t length = RedisModule_ValueLength(key);
    for (size_t i = 0; i < length; i++) {
        RedisModuleString *element = RedisModule_ListGet(key, (long)i);
        if (element == NULL) break;
        RedisModule_FreeString(ctx, element);
        read++;
    }
    RedisModule_CloseKey(key);
    return RedisModule_ReplyWithLongLong(ctx, read);
}

static int walk_and_delete(RedisModuleCtx *ctx, RedisModuleString **argv, int argc) {
    if (argc != 3) return RedisModule_WrongArity(ctx);
    RedisModuleKey *key = RedisModule_OpenKey(ctx, argv[1], REDISMODULE_READ | REDISMODULE_WRITE);
    if (key == NULL || RedisModule_KeyType(key) != REDISMODULE_KEYTYPE_LIST)
        return RedisModule_ReplyWithError(ctx, "ERR no list");
    size_t length = RedisModule_ValueLength(key), packed_len;
    const char *packed = RedisModule_StringPtrLen(argv[2], &packed_len);
    size_t deleted = 0;
    uint32_t mark = mark_at(packed, packed_len, 0);
    for (size_t i = 0; i < length; i++) {
        long index = (long)(i - deleted);
        RedisModuleString *element = RedisModule_ListGet(key, index);
        if (element == NULL) break;
        RedisModule_FreeString(ctx, element);
        if (i != mark) continue;
        if (RedisModule_ListDelete(key, index) != REDISMODULE_OK) break;
        mark = mark_at(packed, packed_len, ++deleted);
    }
    /* Where the last one went, the key went with it: closing is all that is left to do. */
    RedisModule_CloseKey(key);
    return RedisModule_ReplyWithLongLong(ctx, (long long)deleted);
}

int RedisModule_OnLoad(RedisModuleCtx *ctx, RedisModuleString **argv, int argc) {
    (void)argv;
    (void)argc;
    if (RedisModule_Init(ctx, "benchfloor", 1, REDISMODULE_APIVER_1) == REDISMODULE_ERR) return REDISMODULE_ERR;
    if (RedisModule_CreateCommand(ctx, "benchfloor.walk", walk, "readonly", 1, 1, 1) == REDISMODULE_ERR)
        return REDISMODULE_ERR;
    return RedisModule_CreateCommand(ctx, "benchfloor.delete", walk_and_delete, "write", 1, 1, 1);
}
