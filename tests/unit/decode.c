/* The decoder on JSON, leniently, as observations and records are read, and what JSON that is none says. The
 * strict half is tested by tests/bad. */
#include "model/cpus.h"
#include "model/have.h"
#include "model/node.h"
#include "model/scalar.h"
#include <criterion/criterion.h>
#include <string.h>

struct fixture {
	struct arena *arena;
	struct report *report;
};

static struct fixture fixture_make(void)
{
	return (struct fixture){arena_new(), report_new()};
}

static void fixture_drop(struct fixture *fixture)
{
	arena_free(fixture->arena);
	report_free(fixture->report);
}
#define FIXTURE_SCOPED __attribute__((cleanup(fixture_drop))) struct fixture

static void *decode_json(struct fixture *fixture, const struct type *type, const char *json)
{
	struct node *node = node_from_json(fixture->arena, json, strlen(json), NULL, fixture->report);
	struct decode_options options = {.mark = &mark_observed};
	return node ? decode(fixture->arena, type, node, &options, fixture->report) : NULL;
}

static const char *first_message(struct report *report)
{
	const struct diagnostic *first;
	return report_all(report, &first) ? first->message : "";
}

Test(decode, what_a_newer_writer_added_is_let_pass)
{
	FIXTURE_SCOPED fixture = fixture_make();
	struct HaveDomain *domain = decode_json(&fixture, &type_HaveDomain,
		"{\"domid\": 3, \"uuid\": \"u\", \"later\": {\"a\": [1]}, \"power\": \"Paused\", \"owned\": "
		"true,"
		" \"spec\": {\"memory\": \"512MiB\", \"vcpus\": 2, \"disks\": [{\"vdev\": \"xvda\", "
		"\"target\": \"/x\"}]}}");
	cr_assert_not_null(domain);
	cr_assert_eq(report_count(fixture.report, SEVERITY_ERROR), 0, "%s", first_message(fixture.report));
	cr_expect_eq(domain->domid, 3);
	cr_expect_str_eq(domain->uuid, "u");
	cr_expect_eq(domain->power, found_power_Paused);
	cr_expect(domain->owned);
	cr_expect(KNOWN(domain, HaveDomain, domid));
	cr_expect_not(KNOWN(domain, HaveDomain, ended), "what does not stand there is not known");
	cr_expect_eq(domain->spec->memory, 512LL << 20);
	cr_assert_eq(domain->spec->disks.count, 1);
	const struct Disk *disk = domain->spec->disks.item[0];
	cr_expect_str_eq(disk->target, "/x");
	cr_expect_eq(disk->at[Disk_target], &mark_observed);
}

Test(decode, null_is_not_known)
{
	FIXTURE_SCOPED fixture = fixture_make();
	struct HaveDomain *domain = decode_json(&fixture, &type_HaveDomain, "{\"name\": null, \"domid\": 1}");
	cr_assert_not_null(domain);
	cr_expect_not(KNOWN(domain, HaveDomain, name));
	cr_expect(KNOWN(domain, HaveDomain, domid));
	cr_expect_eq(report_count(fixture.report, SEVERITY_ERROR), 0);
}

Test(decode, a_field_of_the_wrong_type_is_said_and_not_known)
{
	FIXTURE_SCOPED fixture = fixture_make();
	struct HaveDomain *domain = decode_json(
		&fixture, &type_HaveDomain, "{\"domid\": \"x\", \"power\": \"Dancing\", \"name\": \"a\"}");
	cr_assert_not_null(domain);
	cr_expect_eq(report_count(fixture.report, SEVERITY_ERROR), 2);
	cr_expect_not(KNOWN(domain, HaveDomain, domid));
	cr_expect_not(KNOWN(domain, HaveDomain, power));
	cr_expect_str_eq(domain->name, "a");
}

Test(decode, a_key_that_stands_twice_and_is_wrong_the_second_time_is_not_known)
{
	FIXTURE_SCOPED fixture = fixture_make();
	const struct HaveDomain *domain = decode_json(
		&fixture, &type_HaveDomain, "{\"uuid\": \"u\", \"power\": \"Paused\", \"power\": 0}");
	cr_assert_not_null(domain);
	cr_expect_not(KNOWN(domain, HaveDomain, power));
	cr_expect(domain->power >= 0 && domain->power < found_power_CHOICES, "%d", domain->power);
}

Test(decode, a_list_is_no_object)
{
	FIXTURE_SCOPED fixture = fixture_make();
	cr_expect_null(decode_json(&fixture, &type_Observation, "[1]"));
	cr_expect_str_eq(first_message(fixture.report), "expected a map, found a list");
}

Test(decode, defaults_stand_without_a_mark)
{
	FIXTURE_SCOPED fixture = fixture_make();
	struct DomainSpec *spec = decode_json(&fixture, &type_DomainSpec, "{\"memory\": \"1GiB\"}");
	cr_assert_not_null(spec);
	cr_expect_eq(spec->vcpus, 1);
	cr_expect_null(spec->at[DomainSpec_vcpus]);
}

Test(node, text_that_is_not_json_is_said_with_its_place)
{
	FIXTURE_SCOPED fixture = fixture_make();
	cr_expect_null(decode_json(&fixture, &type_Observation, "{\"a\": 1,\n  oops}"));
	cr_expect(text_starts(first_message(fixture.report), "not JSON at line 2, "));
}

Test(node, text_that_is_not_utf8_is_no_json)
{
	FIXTURE_SCOPED fixture = fixture_make();
	cr_expect_null(decode_json(&fixture, &type_Observation, "{\"apiVersion\": \"a\xff\"}"));
	cr_expect_str_eq(first_message(fixture.report), "not UTF-8, as JSON must be");
}

Test(node, what_follows_a_value_is_an_error_or_the_rest)
{
	FIXTURE_SCOPED fixture = fixture_make();
	cr_expect_null(decode_json(&fixture, &type_Observation, "{} {}"));
	cr_expect_str_eq(
		first_message(fixture.report), "something follows the JSON value at line 1, column 4");
	const char text[] = "{} [1]", *rest = NULL;
	const struct node *node = node_from_json(fixture.arena, text, strlen(text), &rest, fixture.report);
	cr_assert_not_null(node);
	cr_expect_str_eq(rest, " [1]");
}

Test(node, integers_keep_their_value_and_null_is_null)
{
	FIXTURE_SCOPED fixture = fixture_make();
	const char text[] = "[9007199254740992, -1, 1.5, true, null, \"\", \"1\"]";
	const struct node *node = node_from_json(fixture.arena, text, strlen(text), NULL, fixture.report);
	cr_assert_not_null(node);
	cr_assert_eq(node->count, 7);
	cr_expect_str_eq(node->item[0]->text, "9007199254740992");
	cr_expect_str_eq(node->item[1]->text, "-1");
	cr_expect_str_eq(node->item[2]->text, "1.5");
	cr_expect_not(node->item[3]->quoted);
	cr_expect_eq(node->item[4]->kind, NODE_NULL);
	cr_expect_eq(node->item[5]->kind, NODE_SCALAR);
	cr_expect(node->item[6]->quoted);
}

Test(scalar, yaml_1_1_reads_these_as_something_else)
{
	static const char *const others[] = {"12", "-1", "+1", "0x1f", "0b1", "017", "1_000", "1.5", ".5",
		"1.", "1.5e+3", ".inf", "-.INF", ".nan", "yes", "No", "y", "on", "OFF", "true", "10:20:30",
		"190:20:30.15", "2026-01-31", "2026-1-3T1:2:3Z", "=", "<<"};
	static const char *const texts[] = {"web", "1a", "10.0.0.1", "00:16:3e:00:00:10", "1.5e3", "yess",
		"0x", "0b2", "-", "2-5", "2026-01", "a:b", "10:99", "1:2:", ".", "..", "512MiB", "2-5,7"};
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
		struct node node = {.text = others[i], .size = strlen(others[i])};
		cr_expect_not_null(scalar_other(&node), "%s", others[i]);
		node.quoted = true;
		cr_expect_null(scalar_other(&node), "\"%s\"", others[i]);
	}
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		struct node node = {.text = texts[i], .size = strlen(texts[i])};
		cr_expect_null(scalar_other(&node), "%s", texts[i]);
	}
}

Test(cpus, equal_sets_have_one_spelling)
{
	ARENA_SCOPED arena = arena_new();
	cr_expect_str_eq(cpus_canonical(arena, "5,2-4"), "2-5");
	cr_expect_str_eq(cpus_canonical(arena, "0-7,^3"), "0-2,4-7");
	cr_expect_str_eq(cpus_canonical(arena, "^3,0-7"), "0-2,4-7");
	cr_expect_str_eq(cpus_canonical(arena, "1,1,1"), "1");
	cr_expect_str_eq(cpus_canonical(arena, "9999"), "9999");
	cr_expect_str_eq(cpus_canonical(arena, "all"), "all");
	cr_expect_null(cpus_canonical(arena, "5-2"));
	cr_expect_null(cpus_canonical(arena, "3,^3"));
}
