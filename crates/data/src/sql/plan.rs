//! From the text of an expression to what can be evaluated. In: a text. Out: the columns that it names, and a physical
//! expression over them, every one of them text. No file is read, so that a wrong expression is a fault of the config.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "an expression of SQL has forty kinds, of which a rule looks at one or two"
)]

use super::functions::Functions;
use datafusion_common::arrow::datatypes::{DataType, Field, Schema};
use datafusion_common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion_common::{DFSchema, DataFusionError, Result, plan_err};
use datafusion_expr::execution_props::ExecutionProps;
use datafusion_expr::expr::{BinaryExpr, ScalarFunction, TryCast};
use datafusion_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion_expr::planner::ContextProvider;
use datafusion_expr::{Expr, ExprSchemable, Operator, Volatility};
use datafusion_optimizer::analyzer::type_coercion::TypeCoercionRewriter;
use datafusion_physical_expr::{PhysicalExpr, create_physical_expr};
use datafusion_sql::parser::DFParserBuilder;
use datafusion_sql::planner::{ParserOptions, PlannerContext, SqlToRel};
use datafusion_sql::sqlparser::ast::{Expr as Ast, visit_expressions};
use datafusion_sql::sqlparser::parser::ParserError;
use std::ops::ControlFlow;
use std::sync::Arc;

/// A planned expression.
pub(super) struct Planned {
    /// Columns, each once, in the order in which they occur.
    pub columns: Vec<String>,
    pub schema: Arc<Schema>,
    pub expression: Arc<dyn PhysicalExpr>,
    pub result: DataType,
}

/// Plans the text of an expression.
///
/// # Errors
/// Why it cannot be evaluated, for people.
pub(super) fn plan(text: &str) -> Result<Planned> {
    let ast = DFParserBuilder::new(text).build()?.parse_into_expr()?;
    if ast.alias.is_some() {
        return plan_err!("an expression has a value, and no name: leave `AS` out");
    }
    let columns = columns_of(&ast.expr)?;
    let fields: Vec<Field> = columns.iter().map(|name| Field::new(name, DataType::Utf8, true)).collect();
    let schema = Arc::new(Schema::new(fields));
    let typed = DFSchema::try_from(Arc::clone(&schema))?;
    let functions = Functions::new();
    let options = ParserOptions {
        enable_ident_normalization: false,
        map_string_types_to_utf8view: false,
        ..ParserOptions::new()
    };
    let planner = SqlToRel::new_with_options(&functions, options);
    let planned = planner.sql_to_expr(ast.expr, &typed, &mut PlannerContext::new())?;
    check_repeatable(&planned)?;
    let number = functions.get_function_meta("number").expect("it is one of ours");
    let compared = planned.transform_up(|expr| with_numbers(expr, &typed, &number))?.data;
    let coerced = compared.rewrite(&mut TypeCoercionRewriter::new(&typed))?.data;
    let lenient = coerced.transform_up(|expr| Ok(without_failing_casts(expr)))?.data;
    let result = lenient.get_type(&typed)?;
    let context = PhysicalPlanningContext::default();
    let expression = create_physical_expr(&lenient, &typed, &ExecutionProps::new(), &context)?;
    Ok(Planned { columns, schema, expression, result })
}

/// What an error says, without where in DataFusion it was made.
pub(super) fn shown(error: &DataFusionError) -> String {
    match error {
        DataFusionError::Diagnostic(_, error) => shown(error),
        DataFusionError::SQL(error, _) => match error.as_ref() {
            ParserError::TokenizerError(reason) | ParserError::ParserError(reason) => reason.clone(),
            ParserError::RecursionLimitExceeded => "it is nested too deeply".to_owned(),
        },
        error => error.message().into_owned(),
    }
}

fn columns_of(ast: &Ast) -> Result<Vec<String>> {
    let mut columns: Vec<String> = Vec::new();
    let flow = visit_expressions(ast, |expr| match expr {
        Ast::Identifier(name) => {
            if !columns.contains(&name.value) {
                columns.push(name.value.clone());
            }
            ControlFlow::Continue(())
        }
        Ast::CompoundIdentifier(_) => ControlFlow::Break(expr.to_string()),
        _ => ControlFlow::Continue(()),
    });
    match flow {
        ControlFlow::Continue(()) => Ok(columns),
        ControlFlow::Break(name) => plan_err!("`{name}`: the name of a column that has a dot needs double quotes"),
    }
}

/// Same data, same bytes: what depends on the clock or on chance is refused.
fn check_repeatable(expr: &Expr) -> Result<()> {
    expr.apply(|expr| match expr {
        Expr::ScalarFunction(call) if call.func.signature().volatility != Volatility::Immutable => {
            plan_err!("`{}` has another value in every run", call.func.name())
        }
        _ => Ok(TreeNodeRecursion::Continue),
    })?;
    Ok(())
}

type Number = Arc<datafusion_expr::ScalarUDF>;

/// Reads text as a number where it meets one.
fn with_numbers(expr: Expr, schema: &DFSchema, number: &Number) -> Result<Transformed<Expr>> {
    let type_of = |expr: &Expr| expr.get_type(schema);
    let is_text = |expr: &Expr| matches!(type_of(expr), Ok(DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View));
    let is_number = |expr: &Expr| type_of(expr).is_ok_and(|of| of.is_numeric());
    let read = |expr: Expr| {
        let args = vec![expr];
        Expr::ScalarFunction(ScalarFunction { func: Arc::clone(number), args })
    };
    Ok(match expr {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
            let meets = is_number(&left) || is_number(&right);
            let both = (is_arithmetic(op) && is_text(&left) && is_text(&right)) || (meets && reads_numbers(op));
            let side = |side: Box<Expr>| if both && is_text(&side) { Box::new(read(*side)) } else { side };
            Transformed::yes(Expr::BinaryExpr(BinaryExpr { left: side(left), op, right: side(right) }))
        }
        Expr::Between(mut between)
            if is_text(&between.expr) && (is_number(&between.low) || is_number(&between.high)) =>
        {
            between.expr = Box::new(read(*between.expr));
            Transformed::yes(Expr::Between(between))
        }
        Expr::InList(mut list) if is_text(&list.expr) && list.list.iter().any(is_number) => {
            list.expr = Box::new(read(*list.expr));
            Transformed::yes(Expr::InList(list))
        }
        other => Transformed::no(other),
    })
}

fn is_arithmetic(op: Operator) -> bool {
    use Operator::{Divide, Minus, Modulo, Multiply, Plus};
    matches!(op, Plus | Minus | Multiply | Divide | Modulo)
}

fn reads_numbers(op: Operator) -> bool {
    use Operator::{Eq, Gt, GtEq, IsDistinctFrom, IsNotDistinctFrom, Lt, LtEq, NotEq};
    is_arithmetic(op) || matches!(op, Eq | NotEq | Lt | LtEq | Gt | GtEq | IsDistinctFrom | IsNotDistinctFrom)
}

fn without_failing_casts(expr: Expr) -> Transformed<Expr> {
    match expr {
        Expr::Cast(cast) => Transformed::yes(Expr::TryCast(TryCast::new_from_field(cast.expr, cast.field))),
        other => Transformed::no(other),
    }
}
