/* A plan as a comment on a pull request: what would be done in one line, a table of the changed objects with
 * how hard each is hit, the fields and actions folded away below. Texts from manifests cannot break the table
 * or the page. */
#include "face/plan_print.h"
#include "face/wording.h"
#include <inttypes.h>
#include <string.h>

/* Text inside a table's cell: what Markdown or HTML would read as its own is escaped. */
static void put_cell(FILE *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '\n')
			fputc(' ', out);
		else if (*text == '<')
			fputs("&lt;", out);
		else if (*text == '&')
			fputs("&amp;", out);
		else if (strchr("\\`*_{}[]|#~@", *text))
			fprintf(out, "\\%c", *text);
		else
			fputc(*text, out);
	}
}

/* The worst thing first: that is what a reviewer looks for. */
static enum level worst_blast(const struct plan *plan)
{
	enum level worst = level_none;

	for (uint32_t i = 0; i < plan->changes.count; i++) {
		const struct change *change = plan->changes.item[i];

		worst = change->blast > worst ? change->blast : worst;
	}
	return worst;
}

static void change_row(FILE *out, const struct change *change)
{
	BUFFER_SCOPED text = {0};

	wording_change(&text, change);
	fprintf(out, "| `%s` | ", wording_mark(change));
	put_cell(out, change->object);
	fprintf(out, " | ");
	put_cell(out, buffer_string(&text));
	fprintf(out, " | %s |\n", choice_level[change->blast]);
}

static void difference_rows(FILE *out, const struct plan *plan)
{
	bool headed = false;

	for (uint32_t i = 0; i < plan->changes.count; i++) {
		const struct change *change = plan->changes.item[i];

		if (change->kind == CHANGE_CREATE || change->kind == CHANGE_DESTROY)
			continue;
		for (uint32_t k = 0; k < change->difference_count; k++) {
			const struct difference *difference = &change->differences[k];
			ARENA_SCOPED arena = arena_new();
			const char *place = difference->at ? mark_text(arena, difference->at) : NULL;
			BUFFER_SCOPED text = {0};

			if (!headed)
				fputs("| object | field | change | effect | allowed | at |\n"
				      "| --- | --- | --- | --- | --- | --- |\n",
					out);
			headed = true;
			wording_difference(&text, difference);
			fputs("| ", out);
			put_cell(out, change->object);
			fputs(" | ", out);
			put_cell(out, difference->path);
			fputs(" | ", out);
			put_cell(out, buffer_string(&text));
			fprintf(out, " | %s | %s | ", choice_level[difference->effect],
				change->difference_allowed[k] ? "yes" : "no");
			put_cell(out, place ? place : "");
			fputs(" |\n", out);
		}
	}
	if (headed)
		fputc('\n', out);
}

static void action_list(FILE *out, const struct plan *plan)
{
	for (uint32_t i = 0; i < plan->actions.count; i++) {
		const struct action *action = plan->actions.item[i];

		fprintf(out, "%" PRIu32 ". ", action->id);
		put_cell(out, action->text);
		fprintf(out, " (%s)\n", choice_level[action->blast]);
	}
	if (plan->actions.count)
		fputc('\n', out);
}

static void diagnostic_list(FILE *out, struct report *report)
{
	static const char *const severity[] = {"error", "warning", "note"};
	const struct diagnostic *diagnostics;
	size_t count = report_all(report, &diagnostics);

	for (size_t i = 0; i < count; i++) {
		ARENA_SCOPED arena = arena_new();
		const char *place = mark_text(arena, &diagnostics[i].mark);

		fprintf(out, "- **%s** ", severity[diagnostics[i].severity]);
		put_cell(out, place ? place : "");
		fputs(place ? ": " : "", out);
		put_cell(out, diagnostics[i].message);
		if (diagnostics[i].hint) {
			fputs(" - ", out);
			put_cell(out, diagnostics[i].hint);
		}
		fputc('\n', out);
	}
	if (count)
		fputc('\n', out);
}

void plan_markdown(FILE *out, const struct plan_view *view)
{
	const struct plan *plan = view->plan;
	const struct HostFacts *host = view->have->found->host;

	fputs("### xensteer plan", out);
	if (host && host->name) {
		fputs(" for ", out);
		put_cell(out, host->name);
	}
	fputs("\n\n", out);
	diagnostic_list(out, view->report);
	if (plan->changes.count) {
		fprintf(out,
			"Blast radius: **%s**\n\n| | object | change | blast |\n| --- | --- | --- | --- |\n",
			choice_level[worst_blast(plan)]);
		for (uint32_t i = 0; i < plan->changes.count; i++)
			change_row(out, plan->changes.item[i]);
		fputs("\n<details><summary>Fields and actions</summary>\n\n", out);
		difference_rows(out, plan);
		action_list(out, plan);
		fputs("</details>\n\n", out);
	}
	fputs("Plan: ", out);
	plan_text_summary(out, &plan->summary);
	fprintf(out, ".\n\nDigest: `%s`\n", plan->digest);
}
