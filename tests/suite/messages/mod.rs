//! QADMIN.FIELDS and QADMIN.SHOW: the fields of the messages that run next, and one message whole, in every container.

mod fields;
mod live;
mod rights;
mod show;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use qadmin_harness::Server;
use redis::{Connection, pipe};

use crate::support::Reply;

/// The number of messages in each queue.
const MESSAGES: usize = 30;

/// A queue with messages whose ids are `id-0` ..., of which the first runs next.
struct Queue {
    /// The words after the command: the queue, and how it is read.
    words: &'static [&'static str],
    container: &'static str,
    kind: &'static str,
    fill: fn(&mut Connection),
}

impl Queue {
    fn key(&self) -> &'static str {
        self.words[0]
    }

    /// Returns the reply to a command about the queue with more arguments after the queue's name.
    fn ask(&self, conn: &mut Connection, command: &str, more: &[&str]) -> redis::RedisResult<Reply> {
        let mut command = redis::cmd(command);
        command.arg(self.key()).arg(more).arg(&self.words[1..]);
        Ok(qadmin_harness::map(&command.query(conn)?))
    }
}

fn id(n: usize) -> String {
    format!("id-{n}")
}

/// A message of Celery, protocol 2.
fn celery(n: usize) -> String {
    let body = STANDARD.encode(format!(r#"[[{n}],{{"account":{},"secret":"s{n}"}},{{}}]"#, n % 3));
    format!(
        r#"{{"body":"{body}","content-type":"application/json","headers":{{"task":"t","id":"{}","retries":0}},"properties":{{"body_encoding":"base64","correlation_id":"c{n}"}}}}"#,
        id(n)
    )
}

fn sidekiq(n: usize) -> String {
    format!(r#"{{"class":"t","args":[{n},"s{n}"],"jid":"{}","queue":"default","retry":true}}"#, id(n))
}

/// Runs `each` for all messages, in one pipeline.
fn all(conn: &mut Connection, each: impl Fn(&mut redis::Pipeline, usize)) {
    let mut batch = pipe();
    (0..MESSAGES).for_each(|n| each(&mut batch, n));
    batch.exec(conn).expect("the queue is filled");
}

/// Every container, and every kind of messages that a test can write.
const QUEUES: &[Queue] = &[
    Queue {
        words: &["celery"],
        container: "list",
        kind: "celery",
        fill: |conn| {
            all(conn, |batch, n| {
                batch.lpush("celery", celery(n)).ignore();
            });
        },
    },
    Queue {
        words: &["steps", "PRIORITY", "ALL"],
        container: "lists",
        kind: "celery",
        fill: |conn| {
            all(conn, |batch, n| {
                let list: &[u8] = if n < MESSAGES / 2 { b"steps" } else { b"steps\x06\x163" };
                batch.lpush(list, celery(n)).ignore();
            });
        },
    },
    Queue {
        words: &["unacked"],
        container: "unacked",
        kind: "celery",
        fill: |conn| {
            all(conn, |batch, n| {
                let value = format!(r#"[{},"","celery"]"#, celery(n));
                batch.hset("unacked", n, value).ignore().zadd("unacked_index", n, 1_700_000_000 + n).ignore();
            });
        },
    },
    Queue {
        words: &["queue:default", "AS", "sidekiq"],
        container: "list",
        kind: "sidekiq",
        fill: |conn| {
            all(conn, |batch, n| {
                batch.lpush("queue:default", sidekiq(n)).ignore();
            });
        },
    },
    Queue {
        words: &["resque:queue:mail", "AS", "resque"],
        container: "list",
        kind: "resque",
        fill: |conn| {
            all(conn, |batch, n| {
                let job = format!(
                    r#"{{"class":"ActiveJob::QueueAdapters::ResqueAdapter::JobWrapper","args":[{{"job_class":"t","job_id":"{}","arguments":[{n},"s{n}"]}}]}}"#,
                    id(n)
                );
                batch.rpush("resque:queue:mail", job).ignore();
            });
        },
    },
    Queue {
        words: &["queues:default", "AS", "laravel"],
        container: "list",
        kind: "laravel",
        fill: |conn| {
            all(conn, |batch, n| {
                let job = format!(
                    r#"{{"uuid":"{}","displayName":"t","job":"App\\Handler","attempts":0,"data":{{"account":{n},"secret":"s{n}"}}}}"#,
                    id(n)
                );
                batch.rpush("queues:default", job).ignore();
            });
        },
    },
    Queue {
        words: &["taskiq", "AS", "taskiq"],
        container: "list",
        kind: "taskiq",
        fill: |conn| {
            all(conn, |batch, n| {
                let job = format!(
                    r#"{{"task_id":"{}","task_name":"t","labels":{{}},"args":[{n}],"kwargs":{{"secret":"s{n}"}}}}"#,
                    id(n)
                );
                batch.lpush("taskiq", job).ignore();
            });
        },
    },
    Queue {
        words: &["retry"],
        container: "sorted_set",
        kind: "sidekiq",
        fill: |conn| {
            all(conn, |batch, n| {
                batch.zadd("retry", sidekiq(n), 1_700_000_000 + n).ignore();
            });
        },
    },
    Queue {
        words: &["dramatiq:uploads", "AS", "dramatiq"],
        container: "list_of_ids",
        kind: "dramatiq",
        fill: |conn| {
            all(conn, |batch, n| {
                batch.rpush("dramatiq:uploads", format!("r{n}")).ignore();
                batch.hset("dramatiq:uploads.msgs", format!("r{n}"), dramatiq(n)).ignore();
            });
        },
    },
    Queue {
        words: &["dramatiq:uploads.XQ", "AS", "dramatiq"],
        container: "sorted_set_of_ids",
        kind: "dramatiq",
        fill: |conn| {
            all(conn, |batch, n| {
                batch.zadd("dramatiq:uploads.XQ", format!("r{n}"), 1_700_000_000_000_i64 + n as i64).ignore();
                batch.hset("dramatiq:uploads.XQ.msgs", format!("r{n}"), dramatiq(n)).ignore();
            });
        },
    },
    Queue {
        words: &["rq:queue:uploads", "AS", "rq"],
        container: "list_of_ids",
        kind: "rq",
        fill: |conn| {
            all(conn, |batch, n| {
                let data = format!(r#"["t",null,[{n}],{{"secret":"s{n}"}}]"#);
                let fields = [("data", data.as_str()), ("status", "queued"), ("origin", "uploads")];
                batch.hset_multiple(format!("rq:job:{}", id(n)), &fields).ignore();
                batch.rpush("rq:queue:uploads", id(n)).ignore();
            });
        },
    },
    Queue {
        words: &["bull:uploads:wait", "AS", "bullmq"],
        container: "list_of_ids",
        kind: "bullmq",
        fill: |conn| {
            all(conn, |batch, n| {
                let data = format!(r#"{{"account":{n},"secret":"s{n}"}}"#);
                let fields = [("name", "t"), ("data", data.as_str()), ("timestamp", "1796025215146")];
                batch.hset_multiple(format!("bull:uploads:{}", id(n)), &fields).ignore();
                batch.lpush("bull:uploads:wait", id(n)).ignore();
            });
        },
    },
    Queue {
        words: &["asynq:{uploads}:pending", "AS", "asynq"],
        container: "list_of_ids",
        kind: "asynq",
        fill: |conn| {
            all(conn, |batch, n| {
                let message = crate::asynq::message(&id(n), "t", &format!(r#"{{"secret":"s{n}"}}"#));
                let key = format!("asynq:{{uploads}}:t:{}", id(n));
                batch.hset(&key, "msg", message).ignore().hset(&key, "state", "pending").ignore();
                batch.lpush("asynq:{uploads}:pending", id(n)).ignore();
            });
        },
    },
    Queue {
        words: &["saq:uploads:queued", "AS", "saq"],
        container: "list_of_ids",
        kind: "saq",
        fill: |conn| {
            all(conn, |batch, n| {
                let job = format!(
                    r#"{{"function":"t","kwargs":{{"secret":"s{n}"}},"queue":"uploads","key":"{}","status":"queued"}}"#,
                    id(n)
                );
                let key = format!("saq:job:uploads:{}", id(n));
                batch.set(&key, job).ignore().rpush("saq:uploads:queued", key).ignore();
            });
        },
    },
];

fn dramatiq(n: usize) -> String {
    format!(
        r#"{{"queue_name":"uploads","actor_name":"t","args":[{n}],"kwargs":{{"secret":"s{n}"}},"options":{{"redis_message_id":"r{n}"}},"message_id":"{}","message_timestamp":1795868819211}}"#,
        id(n)
    )
}

/// A server with all of these queues.
fn filled() -> (Server, Connection) {
    let server = Server::start();
    let mut conn = server.conn();
    for queue in QUEUES {
        (queue.fill)(&mut conn);
    }
    (server, conn)
}
