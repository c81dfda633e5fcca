<?php
// Prints jobs as PHP serializes them, each with its properties as JSON, one JSON object a line:
//     php tests/php/record_values.php 300 > core/src/format/php/recorded.jsonl
// The JSON has the form that core/src/format/php.rs promises. Its objects are made here by reflection from the values
// themselves, not from the serialized text.

namespace Illuminate\Contracts\Database {
    class ModelIdentifier
    {
        public $class; public $id; public $relations; public $connection; public $collectionClass;
        public function __construct($class, $id, $relations, $connection)
        {
            [$this->class, $this->id, $this->relations, $this->connection] = [$class, $id, $relations, $connection];
        }
    }
}

namespace App {
    enum Suit: string { case Hearts = 'h'; case Spades = 's'; }

    class Point
    {
        public $a; protected $b; private $c;
        public function __construct($a, $b, $c) { [$this->a, $this->b, $this->c] = [$a, $b, $c]; }
    }

    class Tuple
    {
        public function __construct(private array $items) {}
        public function __serialize(): array { return $this->items; }
        public function __unserialize(array $items): void { $this->items = $items; }
        public function items(): array { return $this->items; }
    }
}

namespace {
    mt_srand((int) ($argv[2] ?? 7));

    function text(): string
    {
        static $parts = ['', 'a', 'upload', "\u{e9}", "\u{20ac}", "\u{1f600}", '"', '\\', '/', ';', '}', ':', "\n", "\0", 's:3:"', "\x7f", '5', '-1', '__class__'];
        $text = '';
        for ($n = mt_rand(0, 4); $n > 0; $n--) { $text .= $parts[mt_rand(0, count($parts) - 1)]; }
        return $text;
    }

    function value(int $depth, array &$shared)
    {
        switch (mt_rand(0, $depth > 0 ? 15 : 7)) {
            case 0: return null;
            case 1: return (bool) mt_rand(0, 1);
            case 2: return mt_rand(-1000, 1000);
            case 3: return [PHP_INT_MAX, PHP_INT_MIN, 0, -1, 147107][mt_rand(0, 4)];
            case 4: return [0.1, -0.0, 1e20, 1.5, 1e-7, 123456789.125, 2.0][mt_rand(0, 6)];
            case 5: return text();
            case 6: return \App\Suit::cases()[mt_rand(0, 1)];
            case 7: return text();
            case 8: case 9:
                $list = [];
                for ($n = mt_rand(0, 4); $n > 0; $n--) { $list[] = value($depth - 1, $shared); }
                return $list;
            case 10: case 11:
                $map = [];
                for ($n = mt_rand(0, 4); $n > 0; $n--) {
                    $map[mt_rand(0, 2) ? 'k' . text() : mt_rand(-3, 9)] = value($depth - 1, $shared);
                }
                return $map;
            case 12:
                $object = new \App\Point(value($depth - 1, $shared), value($depth - 1, $shared), value($depth - 1, $shared));
                return $shared[] = $object;
            case 13:
                $object = new \Illuminate\Contracts\Database\ModelIdentifier('App\\Models\\User', mt_rand(1, 99), [], 'mysql');
                return $shared[] = $object;
            case 14:
                $object = new \App\Tuple([value($depth - 1, $shared), value($depth - 1, $shared)]);
                return $shared[] = $object;
            default:
                if ($shared) { return $shared[mt_rand(0, count($shared) - 1)]; }
                $object = new \stdClass();
                $object->{'p' . mt_rand(0, 9)} = value($depth - 1, $shared);
                return $shared[] = $object;
        }
    }

    function shown($value)
    {
        if (is_array($value)) {
            $shown = array_map('shown', $value);
            return array_is_list($value) ? $shown : (object) $shown;
        }
        if ($value instanceof \UnitEnum) { return (object) ['__enum__' => get_class($value), 'case' => $value->name]; }
        if ($value instanceof \App\Tuple) { return (object) (['__class__' => get_class($value)] + array_map('shown', $value->items())); }
        if (is_object($value)) { return (object) (['__class__' => get_class($value)] + properties($value)); }
        return $value;
    }

    function properties(object $object): array
    {
        $shown = [];
        foreach ((new \ReflectionObject($object))->getProperties() as $property) {
            $property->setAccessible(true);
            if ($property->isInitialized($object)) { $shown[$property->getName()] = shown($property->getValue($object)); }
        }
        return $shown;
    }

    for ($n = (int) ($argv[1] ?? 300); $n > 0; $n--) {
        $shared = [];
        $job = new \App\Point(value(4, $shared), value(4, $shared), value(4, $shared));
        $line = json_encode(['serialized' => serialize($job), 'properties' => shown_root($job)], JSON_UNESCAPED_UNICODE | JSON_UNESCAPED_SLASHES | JSON_PRESERVE_ZERO_FRACTION | JSON_PARTIAL_OUTPUT_ON_ERROR);
        echo $line, "\n";
    }

    function shown_root(object $job) { return (object) properties($job); }
}
