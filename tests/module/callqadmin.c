/* Another module of the same server: CALLQADMIN.RUN command [arg ...] calls a command the way modules do. */
#include "redismodule.h"

static int run(RedisModuleCtx *ctx, RedisModuleString **argv, int argc) {
    if (argc < 2) return RedisModule_WrongArity(ctx);
    const char *command = RedisModule_StringPtrLen(argv[1], NULL);
    /* v: the arguments as they came; E: errors as replies. */
    RedisModuleCallReply *reply = RedisModule_Call(ctx, command, "vE", argv + 2, (size_t)argc - 2);
    if (reply == NULL) return RedisModule_ReplyWithError(ctx, "ERR no reply");
    RedisModule_ReplyWithCallReply(ctx, reply);
    RedisModule_FreeCallReply(reply);
    return REDISMODULE_OK;
}

int RedisModule_OnLoad(RedisModuleCtx *ctx, RedisModuleString **argv, int argc) {
    (void)argv;
    (void)argc;
    if (RedisModule_Init(ctx, "callqadmin", 1, REDISMODULE_APIVER_1) == REDISMODULE_ERR) return REDISMODULE_ERR;
    return RedisModule_CreateCommand(ctx, "callqadmin.run", run, "", 0, 0, 0);
}
