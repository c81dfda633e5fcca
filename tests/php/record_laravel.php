<?php
// Records the keys that Laravel's queue writes, one JSON object a line: the key, its type, the element and its score.
//     php tests/php/record_laravel.php <framework>/src <port> > core/src/filter/tests/laravel.jsonl
// <framework> is a copy of laravel/framework; the packages that it needs are those of Debian (php-illuminate-queue brings
// them), and the server on the port is a throw-away one. Recorded with 12.67.0 on PHP 8.2.

namespace {
    [, $framework, $port] = $argv;
    spl_autoload_register(function (string $class) use ($framework) {
        $path = str_replace('\\', '/', $class) . '.php';
        $places = ["$framework/$path", "$framework/" . str_replace('Illuminate/Support/', 'Illuminate/Collections/', $path),
            "$framework/" . str_replace('Illuminate/Support/', 'Illuminate/Macroable/', $path),
            "$framework/" . preg_replace('~Illuminate/Support/(Traits/)?~', 'Illuminate/Conditionable/$1', $path),
            "$framework/" . str_replace('Illuminate/Support/', 'Illuminate/Reflection/', $path),
            "/usr/share/php/$path"];
        foreach ($places as $place) {
            if (is_file($place)) { require_once $place; return; }
        }
    });
    foreach (['Collections/functions.php', 'Collections/helpers.php', 'Reflection/helpers.php', 'Support/functions.php', 'Support/helpers.php'] as $file) {
        if (is_file("$framework/Illuminate/$file")) { require_once "$framework/Illuminate/$file"; }
    }
}

namespace App\Jobs {
    use Illuminate\Bus\{Batchable, Queueable};
    use Illuminate\Contracts\Database\ModelIdentifier;
    use Illuminate\Contracts\Queue\{ShouldBeEncrypted, ShouldQueue};
    use Illuminate\Queue\InteractsWithQueue;

    enum Plan: string { case Free = 'free'; case Pro = 'pro'; }

    class Upload implements ShouldQueue
    {
        use InteractsWithQueue, Queueable;
        public $tries = 3;
        public function __construct(public $repoid, protected $commitid, private array $opts = []) {}
    }

    class Bill implements ShouldQueue
    {
        use Batchable, InteractsWithQueue, Queueable;
        public function __construct(public ModelIdentifier $user, public Plan $plan, public ModelIdentifier $invoices) {}
    }

    class Rebuild implements ShouldQueue
    {
        use Queueable;
        public $uniqueFor = 3600;
        public function __construct(public int $repoid) {}
    }

    class Secret extends Upload implements ShouldBeEncrypted {}
}

namespace {
    use App\Jobs\{Bill, Plan, Rebuild, Secret, Upload};
    use Illuminate\Contracts\Database\ModelIdentifier;

    // A container with what the queue asks for.
    $container = new Illuminate\Container\Container();
    Illuminate\Container\Container::setInstance($container);
    $container->instance(Illuminate\Contracts\Encryption\Encrypter::class, new Illuminate\Encryption\Encrypter(str_repeat('k', 32), 'aes-256-cbc'));
    $redis = new Illuminate\Redis\RedisManager($container, 'phpredis', [
        'options' => ['prefix' => 'laravel_database_'],
        'default' => ['host' => '127.0.0.1', 'port' => (int) $port, 'database' => 0],
    ]);
    $queue = new Illuminate\Queue\RedisQueue($redis, 'default', null, 90);
    $queue->setContainer($container);
    $queue->setConnectionName('redis');

    $invoices = new ModelIdentifier(App\Models\Invoice::class, [7, 8], [], 'mysql');
    $user = new ModelIdentifier(App\Models\User::class, 42, ['team'], 'mysql');
    // These two are reserved, as a worker does, and given back: a script of the server writes them anew.
    $queue->push(new Upload(22, "\u{e9}/\u{fc}"));
    $queue->push('App\Handlers\Old@fire', ['repoid' => 4, 'none' => []]);
    foreach ([0, 1] as $n) { $queue->pop()->release(0); }
    // A pop moves what is due to the end of the list, and takes the first job.
    $queue->push('App\Handlers\First');
    $queue->pop();
    $queue->push(new Upload(147107, 'e0ca38f7', ['kind' => 'full', 'n' => 1.5, 'ok' => true, 'none' => null]));
    $queue->push('App\Handlers\Old@fire', ['repoid' => 5, 'path' => 'a.b']);
    $queue->push('App\Handlers\Listed', [147107, 'masterbrew']);
    $queue->push('App\Handlers\Bare');
    $bill = new Bill($user, Plan::Pro, $invoices);
    $bill->batchId = '9d0f1c34-2b3e-4a55-9c51-0a4e5a7b1c2d';
    $queue->push($bill);
    $queue->push(new Rebuild(147107));
    $chained = new Upload(6, 'first');
    $chained->chained = [serialize(new Upload(7, 'second'))];
    $queue->push($chained);
    $queue->push(new Secret(147107, 'e0ca38f7'));
    $queue->later(120, new Upload(22, 'soon'));
    $queue->later(3600, new Upload(33, 'later'));
    $queue->later(3600, 'App\Handlers\Old@fire', ['repoid' => 33]);

    $plain = new Redis();
    $plain->connect('127.0.0.1', (int) $port);
    $keys = $plain->keys('*');
    sort($keys);
    foreach ($keys as $key) {
        $elements = $plain->type($key) === Redis::REDIS_LIST
            ? array_map(fn ($element) => [$element, null], $plain->lRange($key, 0, -1))
            : array_map(null, array_keys($all = $plain->zRange($key, 0, -1, true)), array_values($all));
        foreach ($elements as [$element, $score]) {
            echo json_encode(['key' => $key, 'score' => $score === null ? null : (int) $score, 'element' => $element],
                JSON_UNESCAPED_UNICODE | JSON_UNESCAPED_SLASHES), "\n";
        }
    }
}
