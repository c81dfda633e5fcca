/* Another module of the same server.
 *   CALLQADMIN.RUN command [arg ...]     calls a command the way modules do
 *   CALLQADMIN.ON event [command arg...] calls a command from inside the notification of a list event, once, and
 *                                        keeps what it answered; without a command it answers that
 *   CALLQADMIN.SWAP key index element    takes an element out of a list and puts another one there, without an event
 *   CALLQADMIN.CUT key index             takes an element out of a list, without an event
 */
#include <string.h>
#include "redismodule.h"

static RedisModuleString *on_event;
static RedisModuleString *on_argv[16];
static int on_argc;
static RedisModuleString *answer;

/* v: the arguments as they came; E: errors as replies; !: replicated. */
static RedisModuleCallReply *call(RedisModuleCtx *ctx, RedisModuleString **argv, int argc) {
    return RedisModule_Call(ctx, RedisModule_StringPtrLen(argv[0], NULL), "!vE", argv + 1, (size_t)argc - 1);
}

static int run(RedisModuleCtx *ctx, RedisModuleString **argv, int argc) {
    if (argc < 2) return RedisModule_WrongArity(ctx);
    RedisModuleCallReply *reply = call(ctx, argv + 1, argc - 1);
    if (reply == NULL) return RedisModule_ReplyWithError(ctx, "ERR no reply");
    RedisModule_ReplyWithCallReply(ctx, reply);
    RedisModule_FreeCallReply(reply);
    return REDISMODULE_OK;
}

static int on(RedisModuleCtx *ctx, RedisModuleString **argv, int argc) {
    if (argc < 2 || argc - 2 > 16) return RedisModule_WrongArity(ctx);
    if (argc == 2) {
        if (answer == NULL) return RedisModule_ReplyWithNull(ctx);
        return RedisModule_ReplyWithString(ctx, answer);
    }
    on_event = argv[1];
    RedisModule_RetainString(NULL, on_event);
    for (on_argc = 0; on_argc < argc - 2; on_argc++) {
        on_argv[on_argc] = argv[on_argc + 2];
        RedisModule_RetainString(NULL, on_argv[on_argc]);
    }
    return RedisModule_ReplyWithSimpleString(ctx, "OK");
}

static int notified(RedisModuleCtx *ctx, int type, const char *event, RedisModuleString *key) {
    (void)type;
    (void)key;
    if (on_event == NULL || strcmp(event, RedisModule_StringPtrLen(on_event, NULL)) != 0) return REDISMODULE_OK;
    RedisModule_FreeString(NULL, on_event);
    on_event = NULL;
    RedisModuleCallReply *reply = call(ctx, on_argv, on_argc);
    if (reply != NULL) {
        size_t length = 0;
        const char *text = RedisModule_CallReplyProto(reply, &length);
        answer = RedisModule_CreateString(NULL, text, length);
        RedisModule_FreeCallReply(reply);
    }
    for (int i = 0; i < on_argc; i++) RedisModule_FreeString(NULL, on_argv[i]);
    return REDISMODULE_OK;
}

static int edit(RedisModuleCtx *ctx, RedisModuleString **argv, int argc) {
    long long index;
    if (argc < 3 || RedisModule_StringToLongLong(argv[2], &index) != REDISMODULE_OK) {
        return RedisModule_ReplyWithError(ctx, "ERR key, index");
    }
    RedisModuleKey *key = RedisModule_OpenKey(ctx, argv[1], REDISMODULE_READ | REDISMODULE_WRITE);
    int done = argc == 4 ? RedisModule_ListSet(key, (long)index, argv[3]) : RedisModule_ListDelete(key, (long)index);
    RedisModule_CloseKey(key);
    return done == REDISMODULE_OK ? RedisModule_ReplyWithLongLong(ctx, 1) : RedisModule_ReplyWithError(ctx, "ERR");
}

int RedisModule_OnLoad(RedisModuleCtx *ctx, RedisModuleString **argv, int argc) {
    (void)argv;
    (void)argc;
    if (RedisModule_Init(ctx, "callqadmin", 1, REDISMODULE_APIVER_1) == REDISMODULE_ERR) return REDISMODULE_ERR;
    RedisModule_SubscribeToKeyspaceEvents(ctx, REDISMODULE_NOTIFY_LIST, notified);
    RedisModule_CreateCommand(ctx, "callqadmin.on", on, "", 0, 0, 0);
    RedisModule_CreateCommand(ctx, "callqadmin.swap", edit, "write", 1, 1, 1);
    RedisModule_CreateCommand(ctx, "callqadmin.cut", edit, "write", 1, 1, 1);
    return RedisModule_CreateCommand(ctx, "callqadmin.run", run, "", 0, 0, 0);
}
